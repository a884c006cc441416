// `pinaco image` and `pinaco snapshot`: what is kept of machines and disks without a gallery.
#include <fmt/format.h>

#include "app/machine_view.h"
#include "app/push_disk.h"
#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

// A resource of this name that is there already is the one that is wanted if it was made of the
// same source.
Result<bool> is_made(const MachineCall& call, const arm::ResourceId& id,
                     std::initializer_list<std::string_view> source_paths,
                     const arm::ResourceId& source, std::string_view doing) {
  const auto there = TRY(settle(call, path_of(id), doing));
  if (!there || string_at(*there, "properties.provisioningState") == "Failed") return false;
  for (const auto path : source_paths) {
    if (iequals(string_at(*there, path), source.text())) return true;
  }
  return fail(Kind::conflict, fmt::format("There is a '{}' already, made of something else. Choose "
                                          "another name, or delete that one.",
                                          id.name()));
}

Result<> make(const MachineCall& call, const arm::ResourceId& id, const Json& body,
              const std::string& doing) {
  auto made = run_shown(call, "PUT", path_of(id), &body, doing);
  if (made || made.error().kind != Kind::cancelled) {
    return made ? Result<>() : std::unexpected(std::move(made.error()));
  }
  made.error().message = "Stopped. The server goes on; run the same command to see it to its end.";
  return std::unexpected(std::move(made.error()));
}

Result<> print_made(const MachineCall& call, const arm::ResourceId& id, const std::string& advice) {
  const auto shown = TRY(call.connection.get(path_of(id)));
  call.console.print(fmt::format("{}/{} is there.\n{}", id.group, id.name(), advice));
  call.console.print_json(shown);
  return {};
}

Result<> create_image(const MachineCall& call) {
  const auto& options = call.options;
  if (options.from_machine.empty() == options.from_disk.empty()) {
    return fail(Kind::invalid, "Name what the image is made of: either --from-vm or --from-disk.");
  }
  const bool machine = !options.from_machine.empty();
  const auto source =
      TRY(machine ? find_named(call.connection, machine_sort, options.from_machine, options.group)
                  : find_named(call.connection, disk_sort, options.from_disk, options.group));
  const auto shown =
      TRY(call.connection.find(path_of(source, machine ? "$expand=instanceView" : "")));
  if (!shown) return std::unexpected(none_named(machine ? machine_sort : disk_sort, source.name()));
  // Beside its source unless said otherwise.
  const auto group = options.group.empty() ? source.group : options.group;
  const bool qualified = options.name.find('/') != std::string::npos;
  const auto id =
      TRY(name_new(call.connection, image_sort, options.name, qualified ? options.group : group));
  const auto doing = "capturing " + id.name();
  const auto advice =
      fmt::format("`pinaco vm create NAME --image {}` starts a machine of it.\n", id.name());
  if (TRY(is_made(
          call, id,
          {"properties.sourceVirtualMachine.id", "properties.storageProfile.osDisk.managedDisk.id"},
          source, doing))) {
    return print_made(call, id, advice);
  }
  Json body = JsonObject{{"location", string_at(*shown, "location")},
                         {"tags", TRY(parse_tags(options.tags))}};
  if (machine) {
    set_path(body, "properties.sourceVirtualMachine.id", source.text());
  } else {
    std::string os = options.os_type;
    if (os.empty()) os = string_at(*shown, "properties.osType");
    set_path(body, "properties.storageProfile.osDisk",
             JsonObject{{"osType", os.empty() ? "Linux" : os},
                        {"osState", "Generalized"},
                        {"managedDisk", JsonObject{{"id", source.text()}}}});
    if (!options.generation.empty()) {
      set_path(body, "properties.hyperVGeneration", options.generation);
    }
  }
  auto made = make(call, id, body, doing);
  if (!made && machine && !power_of(*shown).ends_with("generalized")) {
    add_sentence(
        made.error(),
        fmt::format("Inside it, run `sudo waagent -deprovision+user` or `cloud-init clean`; "
                    "then `pinaco vm deallocate {0}` and `pinaco vm generalize {0}`.",
                    source.name()));
  }
  TRY(std::move(made));
  return print_made(call, id, advice);
}

std::string size_of(const Json& disk) {
  const auto bytes = int_at(disk, "properties.diskSizeBytes");
  if (bytes > 0) return human_size(static_cast<std::uint64_t>(bytes));
  return fmt::format("{} GiB", int_at(disk, "properties.diskSizeGB"));
}

std::string source_name(const Json& item, std::initializer_list<std::string_view> paths) {
  for (const auto path : paths) {
    const auto text = string_at(item, path);
    if (text.empty()) continue;
    const auto id = arm::ResourceId::parse(text);
    return id ? id->nested_name() : std::string(text);
  }
  return "";
}

Result<std::vector<Json>> list_of(const MachineCall& call, const Sort& sort) {
  auto all = TRY(call.connection.list(list_path(call.connection, sort, call.options.group)));
  call.console.print_json(JsonArray(all.begin(), all.end()));
  if (all.empty()) call.console.print(fmt::format("There is no {}.\n", sort.what));
  return all;
}

std::string group_of(const Json& item) {
  const auto id = arm::ResourceId::parse(string_at(item, "id"));
  return id ? id->group : "";
}

Result<> list_images(const MachineCall& call) {
  const auto all = TRY(list_of(call, image_sort));
  if (all.empty()) return {};
  Table table{{"NAME", "GROUP", "LOCATION", "STATE", "SYSTEM", "GENERATION", "DISKS", "MADE OF"}};
  for (const auto& item : all) {
    const Json* data = find_path(item, "properties.storageProfile.dataDisks");
    const auto disks = 1 + (data != nullptr && data->is_array() ? data->get_array().size() : 0);
    table.push_back({std::string(string_at(item, "name")), group_of(item),
                     std::string(string_at(item, "location")),
                     std::string(string_at(item, "properties.provisioningState")),
                     std::string(string_at(item, "properties.storageProfile.osDisk.osType")),
                     std::string(string_at(item, "properties.hyperVGeneration")),
                     std::to_string(disks),
                     source_name(item, {"properties.sourceVirtualMachine.id",
                                        "properties.storageProfile.osDisk.managedDisk.id",
                                        "properties.storageProfile.osDisk.snapshot.id"})});
  }
  call.console.print_table(table);
  return {};
}

Result<> show_image(const MachineCall& call) {
  const auto id =
      TRY(find_named(call.connection, image_sort, call.options.name, call.options.group));
  const auto image = TRY(call.connection.find(path_of(id)));
  if (!image) return std::unexpected(none_named(image_sort, id.name()));
  Table table{{id.name(), ""}};
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) table.push_back({std::string("  ") + name, std::move(value)});
  };
  add("state", std::string(string_at(*image, "properties.provisioningState")));
  add("group", id.group);
  add("location", std::string(string_at(*image, "location")));
  add("system",
      fmt::format("{}, generation {}", string_at(*image, "properties.storageProfile.osDisk.osType"),
                  string_at(*image, "properties.hyperVGeneration")));
  add("made of", source_name(*image, {"properties.sourceVirtualMachine.id",
                                      "properties.storageProfile.osDisk.managedDisk.id",
                                      "properties.storageProfile.osDisk.snapshot.id"}));
  add("os disk",
      fmt::format("{} GiB", int_at(*image, "properties.storageProfile.osDisk.diskSizeGB")));
  if (const Json* data = find_path(*image, "properties.storageProfile.dataDisks");
      data != nullptr && data->is_array()) {
    for (const auto& disk : data->get_array()) {
      add("data disk",
          fmt::format("{} GiB, lun {}", int_at(disk, "diskSizeGB"), int_at(disk, "lun")));
    }
  }
  call.console.print_table(table);
  call.console.print_json(*image);
  return {};
}

Result<> erase(const MachineCall& call, const Sort& sort) {
  const auto id = TRY(find_named(call.connection, sort, call.options.name, call.options.group));
  if (!TRY(call.connection.find(path_of(id)))) return std::unexpected(none_named(sort, id.name()));
  TRY(check_deletion(call, {fmt::format("{} {}/{}", sort.what, id.group, id.name())}, {}));
  TRY(call.connection.remove(path_of(id)));
  call.console.print(fmt::format("Deleted the {} {}.\n", sort.what, id.name()));
  call.console.print_json(JsonObject{{"deleted", JsonArray{Json(id.text())}}});
  return {};
}

Result<> delete_image(const MachineCall& call) {
  return erase(call, image_sort);
}

Result<> delete_snapshot(const MachineCall& call) {
  return erase(call, snapshot_sort);
}

Result<> create_snapshot(const MachineCall& call) {
  const auto& options = call.options;
  const auto disk = TRY(find_named(call.connection, disk_sort, options.from_disk, options.group));
  const auto shown = TRY(call.connection.find(path_of(disk)));
  if (!shown) return std::unexpected(none_named(disk_sort, disk.name()));
  const bool qualified = options.name.find('/') != std::string::npos;
  const auto id = TRY(name_new(call.connection, snapshot_sort, options.name,
                               qualified ? options.group : disk.group));
  const auto doing = "copying " + id.name();
  const auto advice = fmt::format(
      "`pinaco version create GALLERY/DEFINITION/VERSION --from-snapshot {}` makes an image of "
      "it.\n",
      id.name());
  if (!TRY(is_made(call, id, {"properties.creationData.sourceResourceId"}, disk, doing))) {
    Json body = JsonObject{{"location", string_at(*shown, "location")},
                           {"tags", TRY(parse_tags(options.tags))}};
    set_path(body, "properties.creationData",
             JsonObject{{"createOption", "Copy"}, {"sourceResourceId", disk.text()}});
    TRY(make(call, id, body, doing));
  }
  return print_made(call, id, advice);
}

Result<> list_snapshots(const MachineCall& call) {
  const auto all = TRY(list_of(call, snapshot_sort));
  if (all.empty()) return {};
  Table table{{"NAME", "GROUP", "LOCATION", "STATE", "SIZE", "MADE OF"}};
  for (const auto& item : all) {
    table.push_back({std::string(string_at(item, "name")), group_of(item),
                     std::string(string_at(item, "location")),
                     std::string(string_at(item, "properties.provisioningState")), size_of(item),
                     source_name(item, {"properties.creationData.sourceResourceId"})});
  }
  call.console.print_table(table);
  return {};
}

}  // namespace

std::vector<NamedMachineCommand> image_commands() {
  return {{"image create", create_image},       {"image list", list_images},
          {"image show", show_image},           {"image delete", delete_image},
          {"snapshot create", create_snapshot}, {"snapshot list", list_snapshots},
          {"snapshot delete", delete_snapshot}};
}

}  // namespace pinaco::app
