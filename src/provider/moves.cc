// moveResources and validateMoveResources: refused as the cloud refuses types that cannot move,
// with a detail for each resource, after what is asked for was found to make sense.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/platform.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t resources_max = 800;

Result<std::vector<arm::ResourceId>> resources_of(const Call& call, const arm::ResourceId& group) {
  const Json* said = find_path(call.body, "resources");
  if (said == nullptr || !said->is_array() || said->get_array().empty()) {
    return fail(arm::missing_parameter("resources"));
  }
  if (said->get_array().size() > resources_max) {
    return fail(arm::out_of_range("resources", static_cast<std::int64_t>(said->get_array().size()),
                                  1, resources_max));
  }
  std::vector<arm::ResourceId> ids;
  for (const Json& each : said->get_array()) {
    const auto text = each.is_string() ? std::string_view(each.get_string()) : std::string_view();
    auto id = TRY(arm::ResourceId::parse(text));
    if (!id.is_resource() || id.group_id() != group) {
      return fail(arm::invalid_parameter(
          "resources", fmt::format("'{}' is not a resource of the resource group '{}', which the "
                                   "request is about.",
                                   text.substr(0, 300), group.group)));
    }
    ids.push_back(std::move(id));
  }
  return ids;
}

// The group that they are to move to, which may be in another subscription of the tenant.
Result<arm::ResourceId> target_of(const Call& call, const arm::ResourceId& from) {
  const auto text = string_at(call.body, "targetResourceGroup");
  if (text.empty()) return fail(arm::missing_parameter("targetResourceGroup"));
  auto to = TRY(arm::ResourceId::parse(text));
  if (!to.is_group() || to == from) {
    return fail(arm::invalid_parameter(
        "targetResourceGroup",
        fmt::format("'{}' is not the id of another resource group.", text.substr(0, 300))));
  }
  const auto everybody = TRY(call.access.directory().roster());
  const auto* subscription = everybody->find_subscription(to.subscription);
  if (subscription == nullptr || subscription->tenant != call.caller.tenant) {
    return fail(
        arm::error(Kind::not_found, "SubscriptionNotFound",
                   fmt::format("The subscription '{}' could not be found.", to.subscription)));
  }
  to.subscription = subscription->id;
  // As reading the group is: what one may not see is not there.
  TRY(call.access.may(call.caller, "Microsoft.Resources/subscriptions/resourceGroups/read",
                      to.text()));
  if (!TRY(call.model.find(to))) return fail(arm::group_not_found(to.group));
  return to;
}

}  // namespace

Result<Outcome> move_resources(const Call& call) {
  const arm::ResourceId group{.subscription = call.parts.at("subscription"),
                              .group = call.parts.at("group"),
                              .provider = {},
                              .types = {},
                              .names = {}};
  TRY(call.model.get(group));
  const auto ids = TRY(resources_of(call, group));
  const auto to = TRY(target_of(call, group));
  for (const auto& id : ids) {
    if (TRY(call.may_read(id)) && !TRY(call.model.find(id))) {
      return fail(arm::resource_not_found(id));
    }
  }
  const bool gallery = std::ranges::any_of(ids, [](const arm::ResourceId& id) {
    return iequals(id.full_type(), "Microsoft.Compute/galleries");
  });
  auto refused = arm::error(
      Kind::conflict, "ResourceMoveValidationFailed",
      fmt::format("The resource batch move request has '{}' validation errors. {}", ids.size(),
                  gallery ? "A gallery stays in its subscription and resource group; its images "
                            "can be copied to a gallery elsewhere (pinaco copy), without their "
                            "bytes, and then be deleted here."
                          : "Make the resources anew there, and delete those that are here."));
  for (const auto& id : ids) {
    refused.details.push_back(arm::error(
        Kind::conflict, "ResourceMoveNotSupported",
        fmt::format("Resource move is not supported for resource types '{}'.", id.full_type()),
        id.text()));
  }
  return fail(std::move(refused));
}

}  // namespace pinaco::provider
