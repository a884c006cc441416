// What goes by itself, in Pinaco's own interface: the plan, doing it now, and taking it back.
#include <fmt/format.h>

#include "base/text.h"
#include "front/own.h"

namespace pinaco::front {
namespace {

constexpr std::string_view versions = "Microsoft.Compute/galleries/images/versions";

// A subscription, a group, or a gallery and what is below it.
Result<arm::ResourceId> scope_of(std::string_view text, std::size_t depth_max) {
  if (text.empty()) return fail(arm::missing_parameter("id"));
  auto id = TRY(arm::ResourceId::parse(text));
  const bool gallery = id.is_resource() && iequals(id.provider, "Microsoft.Compute") &&
                       iequals(id.types.front(), "galleries") && id.types.size() <= depth_max;
  if (id.types.empty() || gallery) return id;
  return fail(arm::invalid_parameter(
      "id", fmt::format("'{}' is not a subscription, a resource group, a gallery or {} of one.",
                        text.substr(0, 300),
                        depth_max == 3 ? "a definition or version" : "a definition")));
}

Json shown(const std::vector<lifecycle::Item>& items) {
  JsonArray rows;
  rows.reserve(items.size());
  for (const auto& item : items) rows.push_back(lifecycle::to_json(item));
  return JsonObject{{"value", std::move(rows)}};
}

}  // namespace

// Reading the plan takes what reading all versions takes; the rest what doing it by hand takes.
Result<http::Reply> OwnInterface::expiry(const provider::Call& call, const Target& target) {
  const bool undo = target.segments.size() == 4 && target.segments[3] == "undo";
  if (target.segments.size() > 3 && !undo) {
    return fail(arm::error(Kind::not_found, "NotFound", "An expiry has nothing below but undo."));
  }
  if (call.method != "POST" && (undo || call.method != "GET")) {
    return fail(arm::error(Kind::invalid, "HttpMethodNotSupported",
                           "The expiry has GET and POST, its undo POST."));
  }
  const bool reads = call.method == "GET";
  const auto asked = call.query.find("id");
  const auto text = !reads                      ? std::string(string_at(call.body, "id"))
                    : asked == call.query.end() ? std::string()
                                                : asked->second;
  auto scope = TRY(scope_of(text, reads || undo ? 3 : 2));
  scope.subscription = TRY(check_subscription(call.caller, scope.subscription));
  const char* right = reads ? "read" : undo ? "write" : "delete";
  TRY(call.access.may(call.caller, fmt::format("{}/{}", versions, right), scope.text()));
  TRY(call.access.may(call.caller, fmt::format("Microsoft.Compute/galleries/images/{}", right),
                      scope.text()));
  if (!scope.group.empty()) TRY(parts_.model.get(scope));
  const auto skip = call.query.find("skipgrace");
  lifecycle::Options options{.skip_grace =
                                 reads ? skip != call.query.end() && iequals(skip->second, "true")
                                       : bool_at(call.body, "skipGrace")};
  if (reads) {
    options.sees = [&](const arm::ResourceId& id) { return call.may_read(id).value_or(false); };
    return json_reply(200, shown(TRY(parts_.lifecycle.plan(scope, options))));
  }
  if (!undo) {
    const auto done = TRY(parts_.lifecycle.run(scope, options));
    look_after_exports();
    return json_reply(200, shown(done));
  }
  const auto undone = TRY(parts_.lifecycle.undo(scope, call.caller.name));
  JsonArray kept;
  for (const auto& id : undone.kept) kept.emplace_back(id.text());
  JsonArray left;
  for (const auto& [id, error] : undone.left) {
    left.push_back(JsonObject{{"id", id.text()}, {"why", error.message}});
  }
  return json_reply(200, JsonObject{{"value", std::move(kept)}, {"left", std::move(left)}});
}

}  // namespace pinaco::front
