// The network interfaces of a machine: each knows whose it is.
#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "provider/machines.h"
#include "provider/network.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t cards_max = 1;

std::set<std::string> cards_of(const Json& properties) {
  std::set<std::string> ids;
  if (const Json* list = find_path(properties, "networkProfile.networkInterfaces")) {
    for (const Json& each : list->get_array()) ids.insert(to_lower(string_at(each, "id")));
  }
  return ids;
}

}  // namespace

Result<> prepare_cards(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const bool fresh = draft.wanted.internal.get_object().contains("power") == false;
  if (!fresh) {
    const Json* said = find_path(properties, "networkProfile.networkInterfaces");
    const Json* before = find_path(draft.current->properties, "networkProfile");
    if (said == nullptr && before != nullptr) set_path(properties, "networkProfile", *before);
    if (cards_of(properties) == cards_of(draft.current->properties)) return {};
    if (string_at(draft.current->internal, "power") != "deallocated") {
      return fail(machine_is(*draft.current, "change the network interfaces of",
                             "allocated. Deallocate it first"));
    }
  }
  const Json* list = find_path(properties, "networkProfile.networkInterfaces");
  if (list == nullptr || list->get_array().empty()) {
    return fail(arm::missing_parameter("networkProfile"));
  }
  if (list->get_array().size() > cards_max) {
    return fail(arm::error(
        Kind::invalid, "NetworkInterfaceCountExceeded",
        fmt::format("The number of network interfaces for virtual machine {} exceeds the maximum "
                    "allowed for the virtual machine size {}. The number of network interfaces is "
                    "{} and the maximum allowed is {}.",
                    draft.wanted.id.name(), string_at(properties, "hardwareProfile.vmSize"),
                    list->get_array().size(), cards_max)));
  }
  JsonArray shown;
  for (const Json& each : list->get_array()) {
    auto card = TRY(join(draft, string_at(each, "id"), "Microsoft.Network/networkInterfaces",
                         "properties.networkProfile.networkInterfaces"));
    const auto owner = string_at(card.properties, "virtualMachine.id");
    if (!owner.empty() && !iequals(owner, draft.wanted.id.text())) {
      return fail(arm::error(
          Kind::invalid, "NicInUse",
          fmt::format("Network Interface {} is used by existing resource {}. In order to delete "
                      "the network interface, it must be dissociated from the resource.",
                      card.id.text(), owner)));
    }
    set_path(card.properties, "virtualMachine.id", draft.wanted.id.text());
    set_path(card.properties, "primary", true);
    TRY(draft.change.put(card));
    Json entry = JsonObject{{"id", card.id.text()}};
    if (const Json* inner = find_path(each, "properties")) set_path(entry, "properties", *inner);
    shown.push_back(std::move(entry));
  }
  if (draft.current && bool_at(draft.current->internal, "created")) {
    auto gone = cards_of(draft.current->properties);
    for (const auto& still : cards_of(properties)) gone.erase(still);
    for (const auto& text : gone) {
      auto card = TRY(draft.change.find(TRY(arm::ResourceId::parse(text))));
      if (!card) continue;
      erase_path(card->properties, "virtualMachine");
      TRY(draft.change.put(*card));
    }
  }
  set_path(properties, "networkProfile.networkInterfaces", std::move(shown));
  return {};
}

}  // namespace pinaco::provider
