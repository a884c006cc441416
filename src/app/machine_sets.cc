// `pinaco scale-set`: many machines of one image. What is missing around them is made as for one.
#include <fmt/format.h>

#include <map>

#include "app/login.h"
#include "app/machine_around.h"
#include "app/machine_start.h"
#include "app/machine_view.h"
#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::size_t prefix_max = 58;
constexpr std::size_t windows_prefix_max = 9;

Result<arm::ResourceId> named(const MachineCall& call) {
  return find_named(call.connection, set_sort, call.options.name, call.options.group);
}

Result<Json> profile_of(const MachineCall& call, const StartImage& image,
                        const arm::ResourceId& id) {
  Json profile = TRY(os_profile(call.options, image, id.name(), process_environment("HOME")));
  if (profile.is_null()) return profile;
  const bool windows = iequals(image.os_type, "Windows");
  const std::string name(string_at(profile, "computerName"));
  erase_path(profile, "computerName");
  set_path(profile, "computerNamePrefix",
           name.substr(0, windows ? windows_prefix_max : prefix_max));
  return profile;
}

Result<Json> body_of(const MachineCall& call, const arm::ResourceId& id, const StartImage& image,
                     const std::string& location) {
  const auto& options = call.options;
  auto profile = TRY(profile_of(call, image, id));
  const auto place = TRY(make_around_set(call, id, location, iequals(image.os_type, "Windows")));
  Json inside = JsonObject{{"subnet", JsonObject{{"id", place.subnet}}}};
  if (options.public_ip == "yes") {
    set_path(inside, "publicIPAddressConfiguration.name", "public");
  }
  Json card =
      JsonObject{{"primary", true},
                 {"networkSecurityGroup", JsonObject{{"id", place.guard}}},
                 {"ipConfigurations",
                  JsonArray{JsonObject{{"name", "ipconfig"}, {"properties", std::move(inside)}}}}};
  Json machine = JsonObject{
      {"storageProfile", JsonObject{{"imageReference", image.reference},
                                    {"osDisk", JsonObject{{"createOption", "FromImage"}}}}},
      {"networkProfile", JsonObject{{"networkApiVersion", "2020-11-01"},
                                    {"networkInterfaceConfigurations",
                                     JsonArray{JsonObject{{"name", id.name() + "Nic"},
                                                          {"properties", std::move(card)}}}}}},
      {"diagnosticsProfile", JsonObject{{"bootDiagnostics", JsonObject{{"enabled", true}}}}}};
  if (!profile.is_null()) set_path(machine, "osProfile", std::move(profile));
  if (!options.os_disk_type.empty()) {
    set_path(machine, "storageProfile.osDisk.managedDisk.storageAccountType", options.os_disk_type);
  }
  Json properties = JsonObject{{"orchestrationMode", options.flexible ? "Flexible" : "Uniform"},
                               {"singlePlacementGroup", false},
                               {"upgradePolicy", JsonObject{{"mode", "Manual"}}},
                               {"virtualMachineProfile", std::move(machine)}};
  auto tags = TRY(parse_tags(options.tags));
  return Json(JsonObject{{"location", location},
                         {"tags", std::move(tags)},
                         {"sku", JsonObject{{"name", options.size}, {"capacity", options.count}}},
                         {"properties", std::move(properties)}});
}

Result<> create(const MachineCall& call) {
  const auto& options = call.options;
  const auto id = TRY(name_new(call.connection, set_sort, options.name, options.group));
  TRY(parse_tags(options.tags));
  if (TRY(call.connection.find(path_of(id)))) {
    return fail(Kind::conflict,
                fmt::format("There is a scale set {0}/{1} already. `pinaco scale-set scale {0}/{1} "
                            "--count {2}` makes it larger or smaller; `pinaco scale-set upgrade "
                            "{0}/{1} --image …` gives it another image.",
                            id.group, id.name(), options.count));
  }
  const auto image = TRY(find_start_image(call.connection, options));
  auto location = arm::normalize_location(options.location);
  if (location.empty()) location = image.location;
  const auto group = TRY(call.connection.find(path_of(id.group_id())));
  if (location.empty() && group) location = string_at(*group, "location");
  TRY(ensure(call, id.group_id(), JsonObject{{"location", location}}));
  const auto body = TRY(body_of(call, id, image, location));
  TRY(run_shown(call, "PUT", path_of(id), &body,
                fmt::format("starting {} machines", options.count)));
  call.console.print(
      fmt::format("{}/{} has {} machines. `pinaco scale-set show {}` shows their "
                  "addresses.\n",
                  id.group, id.name(), options.count, id.name()));
  call.console.print_json(TRY(call.connection.get(path_of(id))));
  return {};
}

Result<> list(const MachineCall& call) {
  const auto sets =
      TRY(call.connection.list(list_path(call.connection, set_sort, call.options.group)));
  Table table{{"NAME", "GROUP", "LOCATION", "MODE", "MACHINES", "SIZE", "STATE", "IMAGE"}};
  for (const auto& each : sets) {
    const auto id = TRY(arm::ResourceId::parse(string_at(each, "id")));
    Json as_machine = JsonObject();
    if (const Json* profile = find_path(each, "properties.virtualMachineProfile")) {
      set_path(as_machine, "properties", *profile);
    }
    table.push_back(
        {id.name(), id.group, std::string(string_at(each, "location")),
         std::string(string_at(each, "properties.orchestrationMode")),
         std::to_string(int_at(each, "sku.capacity")), std::string(string_at(each, "sku.name")),
         std::string(string_at(each, "properties.provisioningState")), image_of(as_machine)});
  }
  call.console.print_json(JsonArray(sets.begin(), sets.end()));
  if (sets.empty()) {
    call.console.print(
        "There is no scale set. `pinaco scale-set create --help` shows how to make one.\n");
  } else {
    call.console.print_table(table);
  }
  return {};
}

// By lower-case id of the machine: interfaces say whose they are, addresses of which interface.
Result<std::map<std::string, std::string>> addresses_in(const MachineCall& call,
                                                        const arm::ResourceId& id) {
  const auto list = [&](const char* what) {
    return call.connection.list(
        fmt::format("{}/{}?api-version={}", id.text(), what, set_network_api));
  };
  std::map<std::string, std::string> machines;
  for (const auto& card : TRY(list("networkInterfaces"))) {
    machines[to_lower(string_at(card, "id"))] =
        to_lower(string_at(card, "properties.virtualMachine.id"));
  }
  std::map<std::string, std::string> found;
  for (const auto& each : TRY(list("publicipaddresses"))) {
    const auto owner = to_lower(string_at(each, "properties.ipConfiguration.id"));
    const auto card = owner.substr(0, owner.rfind("/ipconfigurations/"));
    found[machines[card]] = string_at(each, "properties.ipAddress");
  }
  return found;
}

Result<> show(const MachineCall& call) {
  const auto id = TRY(named(call));
  const auto set = TRY(call.connection.get(path_of(id)));
  const bool flexible = string_at(set, "properties.orchestrationMode") == "Flexible";
  std::vector<Json> machines;
  if (flexible) {
    arm::ResourceId all = id_of(call.connection, machine_sort, id.group, "");
    all.subscription = id.subscription;
    all.names.clear();
    machines = TRY(call.connection.list(path_of(all)));
    std::erase_if(machines, [&](const Json& machine) {
      return !iequals(string_at(machine, "properties.virtualMachineScaleSet.id"), id.text());
    });
  } else {
    machines =
        TRY(call.connection.list(path_of(id.child("virtualMachines", ""), "$expand=instanceView")));
  }
  const auto addresses = TRY(addresses_in(call, id));
  Table table{{"NAME", "STATE", "LATEST", "IMAGE", "ADDRESS"}};
  for (auto& machine : machines) {
    const auto own = TRY(arm::ResourceId::parse(string_at(machine, "id")));
    if (flexible) {
      const auto expanded = TRY(call.connection.find(path_of(own, "$expand=instanceView")));
      if (expanded) machine = *expanded;
    }
    auto state = power_of(machine);
    const auto provisioning = string_at(machine, "properties.provisioningState");
    if (provisioning != "Succeeded") state = fmt::format("{} ({})", state, provisioning);
    const auto address = addresses.find(own.key());
    table.push_back({std::string(string_at(machine, "name")), std::move(state),
                     find_path(machine, "properties.latestModelApplied") == nullptr ? ""
                     : bool_at(machine, "properties.latestModelApplied")            ? "yes"
                                                                                    : "no",
                     image_of(machine), address == addresses.end() ? "" : address->second});
  }
  call.console.print(fmt::format("{}/{}: {} machines, {}, {}\n", id.group, id.name(),
                                 int_at(set, "sku.capacity"), string_at(set, "sku.name"),
                                 string_at(set, "properties.provisioningState")));
  if (!machines.empty()) call.console.print_table(table);
  call.console.print_json(
      JsonObject{{"set", set}, {"machines", JsonArray(machines.begin(), machines.end())}});
  return {};
}

Result<> scale(const MachineCall& call) {
  const auto id = TRY(named(call));
  const Json body = JsonObject{{"sku", JsonObject{{"capacity", call.options.count}}}};
  TRY(run_shown(call, "PATCH", path_of(id), &body,
                fmt::format("scaling {} to {}", id.name(), call.options.count)));
  call.console.print(
      fmt::format("{}/{} has {} machines.\n", id.group, id.name(), call.options.count));
  call.console.print_json(TRY(call.connection.get(path_of(id))));
  return {};
}

Result<> upgrade(const MachineCall& call) {
  const auto id = TRY(named(call));
  const auto& options = call.options;
  if (!options.image.empty()) {
    const auto image = TRY(find_start_image(call.connection, options));
    Json body = JsonObject();
    set_path(body, "properties.virtualMachineProfile.storageProfile.imageReference",
             image.reference);
    TRY(run_shown(call, "PATCH", path_of(id), &body, "changing the image"));
  }
  const Json everybody = JsonObject{{"instanceIds", JsonArray{"*"}}};
  const auto action = options.rolling ? "osRollingUpgrade" : "manualupgrade";
  TRY(run_shown(call, "POST", fmt::format("{}/{}?api-version={}", id.text(), action, machines_api),
                options.rolling ? nullptr : &everybody, "upgrading " + id.name()));
  call.console.print(
      fmt::format("All machines of {}/{} are of its image now.\n", id.group, id.name()));
  call.console.print_json(TRY(call.connection.get(path_of(id))));
  return {};
}

Result<> erase(const MachineCall& call) {
  const auto id = TRY(named(call));
  const auto set = TRY(call.connection.get(path_of(id)));
  std::vector<std::string> going{
      fmt::format("scale set {}", id.name()),
      fmt::format("its {} machines, with their disks", int_at(set, "sku.capacity"))};
  std::vector<arm::ResourceId> around;
  std::vector<std::string> staying;
  if (call.options.with_network) {
    around = TRY(find_around(call, id));
  } else {
    staying.emplace_back("its security group and virtual network");
  }
  for (const auto& each : around) going.push_back(fmt::format("{} {}", each.type(), each.name()));
  TRY(check_deletion(call, going, staying));
  TRY(run_shown(call, "DELETE", path_of(id), nullptr, "deleting " + id.name()));
  TRY(remove_around(call, around));
  call.console.print(fmt::format("Deleted the scale set {}.\n", id.name()));
  JsonArray gone;
  for (const auto& each : going) gone.emplace_back(each);
  call.console.print_json(JsonObject{{"deleted", gone}});
  return {};
}

}  // namespace

std::vector<NamedMachineCommand> set_commands() {
  return {{"scale-set create", create},   {"scale-set list", list},
          {"scale-set show", show},       {"scale-set scale", scale},
          {"scale-set upgrade", upgrade}, {"scale-set delete", erase}};
}

}  // namespace pinaco::app
