#include "app/machine_view.h"

#include <fmt/format.h>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

// Of an instance view: the status whose code begins like this.
const Json* find_status(const Json& machine, std::string_view prefix) {
  const Json* statuses = find_path(machine, "properties.instanceView.statuses");
  if (statuses == nullptr || !statuses->is_array()) return nullptr;
  for (const auto& status : statuses->get_array()) {
    if (istarts_with(string_at(status, "code"), prefix)) return &status;
  }
  return nullptr;
}

const Json* first_of(const Json& json, std::string_view path) {
  const Json* list = find_path(json, path);
  if (list == nullptr || !list->is_array() || list->get_array().empty()) return nullptr;
  return &list->get_array().front();
}

Result<std::optional<Json>> find_at(Connection& connection, std::string_view id) {
  if (id.empty()) return std::optional<Json>();
  return connection.find(path_of(TRY(arm::ResourceId::parse(id))));
}

Result<> find_addresses(Connection& connection, MachineView& view) {
  const Json* first = first_of(view.machine, "properties.networkProfile.networkInterfaces");
  if (first == nullptr) return {};
  const auto card = TRY(find_at(connection, string_at(*first, "id")));
  if (!card) return {};
  const Json* configuration = first_of(*card, "properties.ipConfigurations");
  if (configuration == nullptr) return {};
  view.private_address = string_at(*configuration, "properties.privateIPAddress");
  const auto address =
      TRY(find_at(connection, string_at(*configuration, "properties.publicIPAddress.id")));
  if (address) view.address = string_at(*address, "properties.ipAddress");
  return {};
}

std::vector<const Json*> disks_of(const Json& machine) {
  std::vector<const Json*> disks;
  const Json* profile = find_path(machine, "properties.storageProfile");
  if (profile == nullptr) return disks;
  if (const Json* os = find_path(*profile, "osDisk")) disks.push_back(os);
  if (const Json* data = find_path(*profile, "dataDisks"); data != nullptr && data->is_array()) {
    for (const auto& disk : data->get_array()) disks.push_back(&disk);
  }
  return disks;
}

// What the guest has told of itself.
std::string report_of(const Json& machine) {
  const auto agent = string_at(machine, "properties.instanceView.vmAgent.vmAgentVersion");
  if (!agent.empty()) return fmt::format("ready, {}", agent);
  if (is_simulated(machine)) return "nothing runs: the server's driver is \"none\"";
  const auto user = user_of(machine);
  return user.empty() ? "a specialized image, which does not report" : "has not reported";
}

// "22 at 10022, 80 at 10080"
std::string moved_ports_of(const Json& machine) {
  std::vector<std::string> words;
  const Json* moved = find_path(machine, "properties.instanceView.movedPorts");
  if (moved == nullptr || !moved->is_object()) return "";
  for (const auto& [port, at] : moved->get_object()) {
    words.push_back(fmt::format("{} at {}", std::string_view(port), to_text(at)));
  }
  return join(words, ", ");
}

void add_line(std::string& text, std::string_view name, std::string_view value) {
  if (!value.empty()) text += fmt::format("  {:<12} {}\n", name, value);
}

}  // namespace

std::string power_of(const Json& machine) {
  const Json* status = find_status(machine, "PowerState/");
  if (status == nullptr) return "unknown";
  std::string power(string_at(*status, "code").substr(std::string_view("PowerState/").size()));
  if (find_status(machine, "OSState/generalized") != nullptr) power += ", generalized";
  return power;
}

std::string image_of(const Json& machine) {
  const Json* reference = find_path(machine, "properties.storageProfile.imageReference");
  if (reference == nullptr) return "";
  std::string_view text;
  for (const char* member : {"id", "sharedGalleryImageId", "communityGalleryImageId"}) {
    if (text.empty()) text = string_at(*reference, member);
  }
  std::string shown(text);
  if (const auto id = arm::ResourceId::parse(text); id && id->is_resource()) {
    const bool version = id->types.size() == 3;
    shown = version ? id->parent().nested_name() : id->nested_name();
  }
  const auto exact = string_at(*reference, "exactVersion");
  return exact.empty() ? shown : fmt::format("{} {}", shown, exact);
}

std::string user_of(const Json& machine) {
  return std::string(string_at(machine, "properties.osProfile.adminUsername"));
}

std::string trouble_of(const Json& machine) {
  const Json* status = find_status(machine, "ProvisioningState/");
  if (status == nullptr) return "";
  std::string text(string_at(*status, "message"));
  if (text.empty() && string_at(*status, "level") == "Error") {
    text = string_at(*status, "displayStatus");
  }
  return text;
}

bool is_simulated(const Json& machine) {
  return bool_at(machine, "properties.instanceView.simulated");
}

int ssh_port(const Json& machine) {
  return static_cast<int>(int_at(machine, "properties.instanceView.movedPorts.22", 22));
}

std::string login_command(const MachineView& view) {
  if (view.address.empty()) return "";
  const auto user = user_of(view.machine);
  const int port = ssh_port(view.machine);
  return fmt::format("ssh {}{}{}", port == 22 ? "" : fmt::format("-p {} ", port),
                     user.empty() ? "" : user + "@", view.address);
}

std::string advice_on(std::string_view address, const std::string& endpoint) {
  const auto scheme = endpoint.find("://");
  const auto host = endpoint.substr(scheme == std::string::npos ? 0 : scheme + 3);
  const bool here = istarts_with(host, "localhost") || host.starts_with("127.");
  if (!address.starts_with("127.") || here) return "";
  return fmt::format("{} is an address of the server's own host: log in from there.", address);
}

Result<MachineView> view_machine(Connection& connection, const arm::ResourceId& id) {
  MachineView view{.id = id};
  auto machine = TRY(connection.find(path_of(id, "$expand=instanceView")));
  if (!machine) return std::unexpected(none_named(machine_sort, id.name()));
  view.machine = std::move(*machine);
  TRY(find_addresses(connection, view));
  for (const Json* disk : disks_of(view.machine)) {
    auto row = TRY(find_at(connection, string_at(*disk, "managedDisk.id")));
    view.disks.push_back(row ? std::move(*row) : Json(nullptr));
  }
  return view;
}

std::string machine_text(const MachineView& view) {
  const Json& machine = view.machine;
  std::string text = view.id.name() + "\n";
  add_line(text, "state",
           fmt::format("{} ({})", power_of(machine),
                       string_at(machine, "properties.provisioningState")));
  add_line(text, "trouble", trouble_of(machine));
  add_line(text, "group", view.id.group);
  add_line(text, "location", string_at(machine, "location"));
  add_line(text, "size", string_at(machine, "properties.hardwareProfile.vmSize"));
  add_line(text, "image", image_of(machine));
  add_line(text, "system",
           fmt::format("{}, generation {}",
                       string_at(machine, "properties.storageProfile.osDisk.osType"),
                       string_at(machine, "properties.instanceView.hyperVGeneration")));
  add_line(text, "guest", report_of(machine));
  std::string addresses = view.address.empty() ? "" : view.address + " public, ";
  addresses += view.private_address + " private";
  add_line(text, "addresses", addresses);
  add_line(text, "moved ports", moved_ports_of(machine));
  add_line(text, "log in", login_command(view));
  Table table{{"DISK", "NAME", "SIZE", "TYPE", "STATE", "WITH THE MACHINE"}};
  const auto disks = disks_of(machine);
  for (std::size_t i = 0; i < disks.size(); i++) {
    const Json& disk = *disks[i];
    const bool data = find_path(disk, "lun") != nullptr;
    const bool goes = string_at(disk, "deleteOption") == "Delete";
    table.push_back(
        {data ? fmt::format("lun {}", int_at(disk, "lun")) : "os",
         std::string(string_at(disk, "name")), fmt::format("{} GiB", int_at(disk, "diskSizeGB")),
         std::string(string_at(disk, "managedDisk.storageAccountType")),
         std::string(string_at(view.disks[i], "properties.diskState")), goes ? "deleted" : "kept"});
  }
  return text + "\n" + table_text(table, false);
}

Json machine_json(const MachineView& view) {
  JsonObject object = view.machine.is_object() ? view.machine.as_object() : JsonObject();
  object["addresses"] = JsonObject{{"public", view.address}, {"private", view.private_address}};
  object["login"] = login_command(view);
  object["disks"] = JsonArray(view.disks.begin(), view.disks.end());
  return object;
}

}  // namespace pinaco::app
