// Microsoft.Network/networkSecurityGroups and their rules. What they let in decides which ports of
// a public address reach a guest (guest_ports).
#include <fmt/format.h>

#include "base/text.h"
#include "provider/network.h"
#include "provider/schema.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr std::size_t rules_max = 1000;

constexpr Member group_members[] = {
    {"securityRules", free, changeable},      {"defaultSecurityRules", free, read_only},
    {"networkInterfaces", free, read_only},   {"subnets", free, read_only},
    {"flushConnection", boolean, changeable}, {"resourceGuid", text, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema group_schema{group_members};

constexpr Member rule_members[] = {
    {"description", text, changeable},
    {"protocol", text, changeable, "", "*|Tcp|Udp|Icmp|Esp|Ah"},
    {"sourcePortRange", text, changeable},
    {"destinationPortRange", text, changeable},
    {"sourceAddressPrefix", text, changeable},
    {"destinationAddressPrefix", text, changeable},
    {"sourcePortRanges", list, changeable},
    {"sourcePortRanges[]", text, changeable},
    {"destinationPortRanges", list, changeable},
    {"destinationPortRanges[]", text, changeable},
    {"sourceAddressPrefixes", list, changeable},
    {"sourceAddressPrefixes[]", text, changeable},
    {"destinationAddressPrefixes", list, changeable},
    {"destinationAddressPrefixes[]", text, changeable},
    {"sourceApplicationSecurityGroups", free, changeable},
    {"destinationApplicationSecurityGroups", free, changeable},
    {"access", text, changeable, "", "Allow|Deny"},
    {"priority", number, changeable},
    {"direction", text, changeable, "", "Inbound|Outbound"},
    {"provisioningState", text, read_only},
};
constexpr Schema rule_schema{rule_members};

bool is_port_range(std::string_view text) {
  if (text == "*") return true;
  const auto dash = text.find('-');
  const auto first = parse_int(text.substr(0, dash), 0, 65535);
  if (dash == std::string_view::npos) return first.has_value();
  const auto last = parse_int(text.substr(dash + 1), 0, 65535);
  return first && last && *first <= *last;
}

Result<> check_rule(const model::Resource& rule, const std::vector<model::Resource>& others) {
  const Json& properties = rule.properties;
  for (const char* member : {"protocol", "access", "direction"}) {
    if (string_at(properties, member).empty()) {
      return fail(arm::missing_parameter(fmt::format("securityRule.properties.{}", member)));
    }
  }
  const auto priority = int_at(properties, "priority");
  if (priority < 100 || priority > 4096) {
    return fail(arm::error(
        Kind::invalid, "SecurityRuleInvalidPriority",
        fmt::format(
            "Security rule has invalid Priority. Value provided: {} Allowed range 100-4096. "
            "Rule: {}.",
            priority, rule.id.text())));
  }
  std::vector<std::string_view> ranges;
  for (const char* side : {"source", "destination"}) {
    const auto one = string_at(properties, fmt::format("{}PortRange", side));
    if (!one.empty()) ranges.push_back(one);
    if (const Json* several = find_path(properties, fmt::format("{}PortRanges", side))) {
      for (const Json& each : several->get_array()) ranges.push_back(each.get_string());
    }
  }
  for (const auto range : ranges) {
    if (is_port_range(range)) continue;
    return fail(arm::error(
        Kind::invalid, "SecurityRuleInvalidPortRange",
        fmt::format("Security rule has invalid Port range. Value provided: {}. Value should be an "
                    "integer OR integer range with '-' delimiter. Valid range 0-65535.",
                    range.substr(0, 60))));
  }
  for (const auto& other : others) {
    if (other.id == rule.id || int_at(other.properties, "priority") != priority ||
        string_at(other.properties, "direction") != string_at(properties, "direction")) {
      continue;
    }
    return fail(arm::error(
        Kind::invalid, "SecurityRuleConflict",
        fmt::format("Security rule {} conflicts with rule {}. Rules cannot have the same Priority "
                    "and Direction.",
                    rule.id.name(), other.id.name())));
  }
  return {};
}

Json entry_of(const model::Resource& rule) {
  Json properties = rule.properties;
  set_path(properties, "provisioningState", "Succeeded");
  return JsonObject{{"name", rule.id.name()},
                    {"id", rule.id.text()},
                    {"type", "Microsoft.Network/networkSecurityGroups/securityRules"},
                    {"properties", std::move(properties)}};
}

Result<> prepare_group(Draft& draft) {
  Json& properties = draft.wanted.properties;
  if (find_path(properties, "resourceGuid") == nullptr) {
    set_path(properties, "resourceGuid", draft.change.random().uuid());
  }
  const auto before = TRY(draft.change.list_all(draft.wanted.id.child("securityRules", "")));
  const Json* said = find_path(properties, "securityRules");
  std::vector<model::Resource> wanted;
  if (said == nullptr && draft.call.method == "PATCH") wanted = before;
  if (said != nullptr) {
    if (!said->is_array() || said->get_array().size() > rules_max) {
      return fail(arm::invalid_parameter(
          "networkSecurityGroup.properties.securityRules",
          fmt::format("A list of at most {} rules is expected.", rules_max)));
    }
    for (const Json& each : said->get_array()) {
      const std::string name(string_at(each, "name"));
      TRY(check_network_name(name));
      model::Resource rule{.id = draft.wanted.id.child("securityRules", name),
                           .location = draft.wanted.location,
                           .created = draft.change.now()};
      const Json* inner = find_path(each, "properties");
      rule.properties =
          TRY(accept(rule_schema, "securityRule", draft.call.api_version,
                     inner == nullptr ? Json(nullptr) : *inner, nullptr, Update::create));
      wanted.push_back(std::move(rule));
    }
  }
  JsonArray shown;
  for (const auto& rule : wanted) {
    TRY(check_rule(rule, wanted));
    shown.push_back(entry_of(rule));
  }
  for (const auto& old : before) TRY(draft.change.erase(old.id));
  for (const auto& rule : wanted) TRY(draft.change.put(rule));
  set_path(properties, "securityRules", std::move(shown));
  return {};
}

Result<> write_parent(model::Change& change, const arm::ResourceId& rule,
                      const model::Resource* written) {
  auto group = TRY(change.get(rule.parent()));
  JsonArray shown;
  for (const auto& each : TRY(change.list_all(group.id.child("securityRules", "")))) {
    if (!(each.id == rule)) shown.push_back(entry_of(each));
  }
  if (written != nullptr) shown.push_back(entry_of(*written));
  set_path(group.properties, "securityRules", std::move(shown));
  return change.put(group);
}

Result<> prepare_rule(Draft& draft) {
  const auto group = TRY(draft.change.get(draft.wanted.id.parent()));
  draft.wanted.location = group.location;
  const auto others = TRY(draft.change.list_all(group.id.child("securityRules", "")));
  if (!draft.current && others.size() >= rules_max) {
    return fail(arm::error(Kind::quota, "SecurityRuleCountLimitReached",
                           fmt::format("A group has at most {} rules.", rules_max)));
  }
  TRY(check_rule(draft.wanted, others));
  return write_parent(draft.change, draft.wanted.id, &draft.wanted);
}

Result<> remove_rule(const Call&, model::Change& change, const model::Resource& rule) {
  return write_parent(change, rule.id, nullptr);
}

// In use by a network interface or a subnet.
Result<> remove_group(const Call&, model::Change& change, const model::Resource& group) {
  const arm::ResourceId networks{.subscription = group.id.subscription,
                                 .group = {},
                                 .provider = "Microsoft.Network",
                                 .types = {"virtualNetworks"},
                                 .names = {}};
  auto users = TRY(model::network_interfaces(change));
  for (const auto& network : TRY(change.list_all(networks))) {
    for (auto& subnet : TRY(change.list_all(network.id.child("subnets", "")))) {
      users.push_back(std::move(subnet));
    }
  }
  for (const auto& user : users) {
    if (!iequals(string_at(user.properties, "networkSecurityGroup.id"), group.id.text())) continue;
    return fail(in_use("InUseNetworkSecurityGroupCannotBeDeleted",
                       fmt::format("Network security group {}", group.id.name()), user.id.text()));
  }
  return {};
}

}  // namespace

const ResourceType security_groups{
    .provider = "Microsoft.Network",
    .type = "networkSecurityGroups",
    .api_versions = network_api_versions(),
    .patch_since = "2015-06-15",
    .label = "networkSecurityGroup",
    .surface = "",
    .created_status = 201,
    .output = false,
    .schema = &group_schema,
    .check_name = check_network_name,
    .prepare = prepare_group,
    .removing = remove_group,
    .show = nullptr,
    .actions = {},
    .with_children = true,
};

const ResourceType security_rules{
    .provider = "Microsoft.Network",
    .type = "networkSecurityGroups/securityRules",
    .api_versions = network_api_versions(),
    .patch_since = "9999",
    .label = "securityRule",
    .surface = "",
    .created_status = 201,
    .output = false,
    .schema = &rule_schema,
    .check_name = check_network_name,
    .prepare = prepare_rule,
    .removing = remove_rule,
    .show = nullptr,
    .actions = {},
    .nested = true,
};

}  // namespace pinaco::provider
