// Invites to shared galleries. A share needs no acceptance: what is kept is that a subscription
// rejected one, in a fact of its own shard, until it accepts. The fact only takes away: whether the
// gallery is shared is still asked of the gallery's row.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/sharing.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view prefix = "share-rejected/";
constexpr std::size_t rejections_max = 1000;  // of a subscription

std::string fact_of(std::string_view unique_name) {
  return std::string(prefix) + to_lower(unique_name);
}

Result<Outcome> answer_invite(const Call& call, bool accepts) {
  const auto& subscription = call.parts.at("subscription");
  const auto* location = call.world.find_location(call.parts.at("location"));
  if (location == nullptr) return fail(unknown_location(call.parts.at("location")));
  const auto& asked = call.parts.at("gallery");
  auto gallery = TRY(find_offered_gallery(call, asked, subscription));
  // Beside the subscription that decides, the path names that again, or the gallery's.
  if (const auto named = call.parts.find("shared"); gallery && named != call.parts.end()) {
    if (!iequals(named->second, subscription) &&
        !iequals(named->second, gallery->id.subscription)) {
      gallery.reset();
    }
  }
  if (!gallery) return fail(shared_not_found("shared", asked, location->name));
  bool changed = false;
  TRY(call.model.change(subscription, [&](model::Change& change) -> Result<> {
    const auto rejected = TRY(change.find_fact(fact_of(asked)));
    changed = rejected.has_value() == accepts;
    if (!changed) return {};
    if (accepts) return change.erase_fact(fact_of(asked));
    if (TRY(change.facts(prefix)).size() >= rejections_max) {
      return fail(arm::error(Kind::quota, "QuotaExceeded",
                             fmt::format("The subscription has rejected {} shared galleries. "
                                         "Accept one first.",
                                         rejections_max)));
    }
    return change.put_fact(fact_of(asked), JsonObject{{"by", call.caller.object_id},
                                                      {"time", to_iso8601(change.now())}});
  }));
  return Outcome{.status = changed ? 200 : 204};
}

// The path is the tenant's, so the right on the subscription is asked here.
Result<Outcome> answer_tenant_invite(const Call& call, bool accepts) {
  const auto scope = "/subscriptions/" + call.parts.at("subscription");
  TRY(call.access.may(call.caller,
                      fmt::format("Microsoft.Compute/locations/sharedGalleries/{}/action",
                                  accepts ? "accept" : "reject"),
                      scope));
  TRY(call.access.check_locks(scope, false));
  return answer_invite(call, accepts);
}

}  // namespace

Result<std::set<std::string>> rejected_shares(const Call& call, const std::string& subscription) {
  std::set<std::string> names;
  TRY(call.model.read(subscription, [&](const model::View& view) -> Result<> {
    names.clear();
    for (const auto& [name, fact] : TRY(view.facts(prefix))) {
      names.insert(name.substr(prefix.size()));
    }
    return {};
  }));
  return names;
}

Result<std::optional<model::Resource>> find_shared_gallery(const Call& call,
                                                           std::string_view unique_name,
                                                           std::string_view subscription) {
  auto gallery = TRY(find_offered_gallery(call, unique_name, subscription));
  if (!gallery) return gallery;
  bool rejected = false;
  TRY(call.model.read(to_lower(subscription), [&](const model::View& view) -> Result<> {
    rejected = TRY(view.find_fact(fact_of(unique_name)))
    .has_value();
    return {};
  }));
  if (rejected) gallery.reset();
  return gallery;
}

Result<Outcome> accept_share(const Call& call) {
  return answer_invite(call, true);
}
Result<Outcome> reject_share(const Call& call) {
  return answer_invite(call, false);
}
Result<Outcome> accept_tenant_share(const Call& call) {
  return answer_tenant_invite(call, true);
}
Result<Outcome> reject_tenant_share(const Call& call) {
  return answer_tenant_invite(call, false);
}

}  // namespace pinaco::provider
