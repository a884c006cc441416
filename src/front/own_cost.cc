// What image versions cost, in Pinaco's own interface: lines by gallery, definition, version,
// region, storage type or month.
#include <fmt/format.h>

#include "base/text.h"
#include "front/own.h"

namespace pinaco::front {
namespace {

constexpr std::string_view right_to_read = "Microsoft.Consumption/usageDetails/read";

// A subscription, a group, or a gallery and what is below it; whether it is still there or not.
Result<arm::ResourceId> scope_of(std::string_view text) {
  if (text.empty()) return fail(arm::missing_parameter("id"));
  auto id = TRY(arm::ResourceId::parse(text));
  const bool gallery = id.is_resource() && iequals(id.provider, "Microsoft.Compute") &&
                       iequals(id.types.front(), "galleries");
  if (!id.subscription.empty() && (id.types.empty() || gallery)) return id;
  return fail(arm::invalid_parameter(
      "id", fmt::format("'{}' is not a subscription, a resource group, or a gallery, a definition "
                        "or a version of one.",
                        text.substr(0, 300))));
}

std::string asked(const provider::Call& call, const char* name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? std::string() : found->second;
}

}  // namespace

Result<http::Reply> OwnInterface::costs(const provider::Call& call) {
  auto scope = TRY(scope_of(asked(call, "id")));
  scope.subscription = TRY(check_subscription(call.caller, scope.subscription));
  TRY(parts_.access.may(call.caller, right_to_read, scope.text()));
  const auto word = asked(call, "by");
  const auto by = cost::parse_by(word.empty() ? "gallery" : word);
  if (!by) {
    return fail(
        arm::invalid_parameter("by", fmt::format("'{}' is not gallery, definition, version, "
                                                 "region, type or month.",
                                                 word.substr(0, 100))));
  }
  const auto now = parts_.model.clock().now();
  // By months, all that are kept.
  auto from = cost::month_after(now, *by == cost::By::month ? -cost::months_kept : 0);
  auto to = cost::month_after(now, 1);
  if (const auto text = asked(call, "month"); !text.empty()) {
    const auto month = cost::parse_month(text);
    if (!month) {
      return fail(arm::invalid_parameter(
          "month", fmt::format("'{}' is not a month, as 2026-11.", text.substr(0, 100))));
    }
    from = *month;
    to = cost::month_after(from, 1);
  }
  std::optional<cost::Report> report;
  TRY(parts_.model.read(scope.subscription, [&](const model::View& view) -> Result<> {
    report = TRY(cost::report(view, parts_.world.prices, scope.key(), from, to, *by, now));
    return {};
  }));
  return json_reply(200, cost::to_json(*report, parts_.world.prices));
}

}  // namespace pinaco::front
