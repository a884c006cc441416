// `pinaco vm list`, `show` and `sizes`.
#include <fmt/format.h>

#include <map>

#include "app/machine_view.h"
#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::string_view subscriptions_api = "2021-01-01";

// By lower-case id: what a list of resources says at `member`.
using Column = std::map<std::string, std::string>;

Result<std::vector<Json>> list_in(const MachineCall& call, const Sort& sort,
                                  const std::string& subscription, const std::string& group) {
  arm::ResourceId all{.subscription = subscription,
                      .group = group,
                      .provider = std::string(sort.provider),
                      .types = {std::string(sort.type)},
                      .names = {}};
  return call.connection.list(path_of(all));
}

// The public address of each machine, from the lists of cards and addresses, which may be in other
// groups than their machine.
Result<Column> addresses_in(const MachineCall& call, const std::string& subscription) {
  Column numbers;
  for (const auto& each : TRY(list_in(call, address_sort, subscription, ""))) {
    numbers[to_lower(string_at(each, "id"))] = string_at(each, "properties.ipAddress");
  }
  Column of_machines;
  for (const auto& card : TRY(list_in(call, card_sort, subscription, ""))) {
    const auto machine = to_lower(string_at(card, "properties.virtualMachine.id"));
    const Json* places = find_path(card, "properties.ipConfigurations");
    if (machine.empty() || places == nullptr || !places->is_array()) continue;
    for (const auto& place : places->get_array()) {
      const auto found = numbers.find(to_lower(string_at(place, "properties.publicIPAddress.id")));
      if (found != numbers.end()) of_machines[machine] = found->second;
    }
  }
  return of_machines;
}

}  // namespace

Result<> list_machines(const MachineCall& call) {
  std::vector<std::string> subscriptions{call.connection.login().subscription};
  if (call.options.all) {
    subscriptions.clear();
    for (const auto& each : TRY(call.connection.list(
             fmt::format("/subscriptions?api-version={}", subscriptions_api)))) {
      subscriptions.emplace_back(string_at(each, "subscriptionId"));
    }
  }
  Table table{{"NAME", "GROUP", "LOCATION", "STATE", "SIZE", "ADDRESS", "IMAGE"}};
  JsonArray document;
  for (const auto& subscription : subscriptions) {
    const auto machines_there = TRY(list_in(call, machine_sort, subscription, call.options.group));
    if (machines_there.empty()) continue;
    const auto addresses = TRY(addresses_in(call, subscription));
    for (const auto& each : machines_there) {
      const auto id = TRY(arm::ResourceId::parse(string_at(each, "id")));
      auto machine = TRY(call.connection.find(path_of(id, "$expand=instanceView")));
      if (!machine) continue;  // deleted a moment ago
      const auto address = addresses.find(id.key());
      auto state = power_of(*machine);
      const auto provisioning = string_at(*machine, "properties.provisioningState");
      if (provisioning != "Succeeded") state = fmt::format("{} ({})", state, provisioning);
      table.push_back({id.name(), id.group, std::string(string_at(*machine, "location")),
                       std::move(state),
                       std::string(string_at(*machine, "properties.hardwareProfile.vmSize")),
                       address == addresses.end() ? "" : address->second, image_of(*machine)});
      document.push_back(std::move(*machine));
    }
  }
  call.console.print_json(document);
  if (document.empty()) {
    call.console.print("There is no machine. `pinaco vm create --help` shows how to make one.\n");
  } else {
    call.console.print_table(table);
  }
  return {};
}

Result<> show_machine(const MachineCall& call) {
  const auto id =
      TRY(find_named(call.connection, machine_sort, call.options.name, call.options.group));
  const auto view = TRY(view_machine(call.connection, id));
  call.console.print(machine_text(view));
  call.console.print_json(machine_json(view));
  return {};
}

Result<> list_sizes(const MachineCall& call) {
  auto location = arm::normalize_location(call.options.location);
  if (location.empty()) {
    const auto regions = TRY(call.connection.list("/pinaco/v1/regions"));
    if (regions.empty()) return fail(Kind::unavailable, "The server has no regions.");
    location = arm::normalize_location(string_at(regions[0], "name"));
  }
  const auto sizes = TRY(call.connection.list(
      fmt::format("{}/providers/Microsoft.Compute/locations/{}/vmSizes?api-version={}",
                  call.connection.subscription_path(), percent_encode(location), machines_api)));
  Table table{{"NAME", "PROCESSORS", "MEMORY", "DATA DISKS"}};
  for (const auto& size : sizes) {
    table.push_back({std::string(string_at(size, "name")),
                     std::to_string(int_at(size, "numberOfCores")),
                     human_size(static_cast<std::uint64_t>(int_at(size, "memoryInMB")) << 20),
                     std::to_string(int_at(size, "maxDataDiskCount"))});
  }
  call.console.print_table(table);
  call.console.print_json(JsonArray(sizes.begin(), sizes.end()));
  return {};
}

}  // namespace pinaco::app
