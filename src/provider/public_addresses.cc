// Microsoft.Network/publicIPAddresses: a name for an address of this host. Which one it gets is
// decided by the worker (task "assign_address"): a static one at once, a dynamic one while a
// running machine uses it.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/network.h"
#include "provider/schema.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr Member members[] = {
    {"publicIPAllocationMethod", text, changeable, "", "Dynamic|Static"},
    {"publicIPAddressVersion", text, changeable, "", "IPv4|IPv6"},
    {"ipAddress", text, read_only},
    {"idleTimeoutInMinutes", number, changeable},
    {"dnsSettings", object, changeable},
    {"dnsSettings.domainNameLabel", text, changeable},
    {"dnsSettings.fqdn", text, changeable},
    {"dnsSettings.reverseFqdn", text, changeable},
    {"dnsSettings.domainNameLabelScope", text, changeable},
    {"ipConfiguration", object, read_only},
    {"ipConfiguration.id", text, read_only},
    {"ipTags", free, changeable},
    {"deleteOption", text, changeable},
    {"resourceGuid", text, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema schema{members};

Result<> prepare(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const auto default_to = [&](std::string_view path, Json value) {
    if (find_path(properties, path) == nullptr) set_path(properties, path, std::move(value));
  };
  if (draft.wanted.sku.is_null()) {
    draft.wanted.sku = JsonObject{{"name", "Basic"}, {"tier", "Regional"}};
  }
  const bool standard = iequals(string_at(draft.wanted.sku, "name"), "Standard");
  default_to("publicIPAllocationMethod", standard ? "Static" : "Dynamic");
  default_to("publicIPAddressVersion", "IPv4");
  default_to("idleTimeoutInMinutes", 4);
  default_to("resourceGuid", Json(draft.change.random().uuid()));
  const bool fixed = string_at(properties, "publicIPAllocationMethod") == "Static";
  if (standard && !fixed) {
    return fail(arm::error(Kind::invalid, "StandardSkuPublicIPAddressesMustBeStatic",
                           "Standard SKU public IP addresses must be static: set "
                           "publicIPAllocationMethod to Static."));
  }
  if (string_at(properties, "publicIPAddressVersion") == "IPv6") {
    return fail(arm::error(Kind::invalid, "OperationNotAllowed",
                           "This server has no IPv6 addresses for guests yet. Use IPv4.",
                           "publicIPAddress.properties.publicIPAddressVersion"));
  }
  const auto label = string_at(properties, "dnsSettings.domainNameLabel");
  if (!label.empty()) {
    set_path(properties, "dnsSettings.fqdn",
             fmt::format("{}.{}.cloudapp.pinaco.internal", to_lower(label), draft.wanted.location));
  }
  if (fixed && string_at(properties, "ipAddress").empty()) draft.task = "assign_address";
  return {};
}

Result<> removing(const Call&, model::Change&, const model::Resource& address) {
  const auto user = string_at(address.properties, "ipConfiguration.id");
  if (user.empty()) return {};
  return fail(arm::error(
      Kind::invalid, "PublicIPAddressCannotBeDeleted",
      fmt::format("Public IP address {} can not be deleted since it is still allocated to resource "
                  "{}. In order to delete the public IP, disassociate/detach the Public IP address "
                  "from the resource.",
                  address.id.text(), user)));
}

}  // namespace

const ResourceType public_addresses{
    .provider = "Microsoft.Network",
    .type = "publicIPAddresses",
    .api_versions = network_api_versions(),
    .patch_since = "2015-06-15",
    .label = "publicIPAddress",
    .surface = "operations",
    .created_status = 201,
    .output = false,
    .schema = &schema,
    .check_name = check_network_name,
    .prepare = prepare,
    .removing = removing,
    .show = nullptr,
    .actions = {},
    .placed = true,
};

}  // namespace pinaco::provider
