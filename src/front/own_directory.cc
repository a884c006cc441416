// Tenants and subscriptions in Pinaco's own interface: ARM lists them and Azure makes them
// elsewhere.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "front/own.h"

namespace pinaco::front {
namespace {

constexpr std::size_t subscriptions_max = 1000;  // of a tenant
constexpr std::string_view write_tenants = "Pinaco/tenants/write";
constexpr std::string_view read_tenants = "Pinaco/tenants/read";
constexpr std::string_view write_subscriptions = "Microsoft.Subscription/subscriptions/write";

Result<std::string> name_of(const Json& body, std::string_view member) {
  const auto name = trim(string_at(body, member));
  const bool clean = std::ranges::none_of(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!name.empty() && name.size() <= identity::name_bytes_max && clean) return std::string(name);
  return fail(arm::invalid_parameter(
      std::string(member), fmt::format("'{}' must be a text of 1 to {} bytes without control "
                                       "characters.",
                                       member, identity::name_bytes_max)));
}

Json shown(const identity::Tenant& tenant) {
  return JsonObject{{"tenant", tenant.id}, {"name", tenant.name}, {"domain", tenant.domain}};
}

Json shown(const identity::Subscription& subscription) {
  return JsonObject{{"subscription", subscription.id},
                    {"name", subscription.name},
                    {"tenant", subscription.tenant}};
}

Error wrong_method(std::string_view what) {
  return arm::error(Kind::invalid, "HttpMethodNotSupported",
                    fmt::format("There is no such method for {}.", what));
}

}  // namespace

// Tenants are made by whoever runs the server, and seen by him; others see their own.
Result<http::Reply> OwnInterface::tenants(const provider::Call& call) {
  auto& directory = parts_.identity.directory();
  const bool ours = call.caller.tenant == directory.first_tenant();
  if (call.method == "GET") {
    const bool all = ours && TRY(call.access.allows(call.caller, read_tenants, "/"));
    const auto everybody = TRY(directory.roster());
    JsonArray rows;
    for (const auto& [id, tenant] : everybody->tenants()) {
      if (all || tenant.id == call.caller.tenant) rows.push_back(shown(tenant));
    }
    return json_reply(200, JsonObject{{"value", std::move(rows)}});
  }
  if (call.method != "POST") return fail(wrong_method("tenants"));
  if (!ours) {
    return fail(arm::error(Kind::denied, "AuthorizationFailed",
                           "Only administrators of the tenant that the server was set up with may "
                           "make another one. Log in as one of them."));
  }
  TRY(call.access.may(call.caller, write_tenants, "/"));
  const auto name = TRY(name_of(call.body, "name"));
  std::string subscription;
  if (const Json* given = find_path(call.body, "subscription"); given && !given->is_null()) {
    subscription = TRY(name_of(call.body, "subscription"));
  }
  const auto made = TRY(directory.make_tenant(name, subscription));
  LOG(info, "front", "tenant {} made by {}", made.tenant, call.caller.object_id);
  JsonObject body{
      {"tenant", made.tenant}, {"clientId", made.client_id}, {"clientSecret", made.client_secret}};
  if (!made.subscription.empty()) body["subscription"] = made.subscription;
  return json_reply(201, std::move(body));
}

Result<http::Reply> OwnInterface::subscriptions(const provider::Call& call, const Target& target) {
  auto& directory = parts_.identity.directory();
  const auto everybody = TRY(directory.roster());
  if (target.segments.size() == 4) {
    const auto id = TRY(check_subscription(call.caller, target.segments[3]));
    if (call.method == "GET") {
      TRY(call.access.may(call.caller, "Microsoft.Resources/subscriptions/read",
                          "/subscriptions/" + id));
      return json_reply(200, shown(*everybody->find_subscription(id)));
    }
    if (call.method != "PATCH") return fail(wrong_method("a subscription"));
    TRY(call.access.may(call.caller, write_subscriptions, "/subscriptions/" + id));
    const auto name = TRY(name_of(call.body, "name"));
    identity::Subscription renamed;
    TRY(directory.edit([&](identity::Edit& edit) -> Result<> {
      auto now = TRY(edit.find_subscription(id));
      if (!now) return fail(Kind::not_found, "The subscription is gone.");
      now->name = name;
      renamed = *now;
      return edit.put(*now);
    }));
    return json_reply(200, shown(renamed));
  }
  if (call.method == "GET") {
    JsonArray rows;
    for (const auto& [id, each] : everybody->subscriptions()) {
      if (TRY(call.access.sees_subscription(call.caller, id))) rows.push_back(shown(each));
    }
    return json_reply(200, JsonObject{{"value", std::move(rows)}});
  }
  if (call.method != "POST") return fail(wrong_method("subscriptions"));
  TRY(call.access.may(call.caller, write_subscriptions, "/"));
  const auto present = std::ranges::count_if(everybody->subscriptions(), [&](const auto& each) {
    return each.second.tenant == call.caller.tenant;
  });
  if (static_cast<std::size_t>(present) >= subscriptions_max) {
    return fail(Kind::quota, fmt::format("The tenant has {} subscriptions, as many as there may "
                                         "be.",
                                         subscriptions_max));
  }
  // Its rows get a shard of their own with the first that is written.
  auto name = TRY(name_of(call.body, "name"));
  const identity::Subscription made{
      .id = parts_.model.random().uuid(), .tenant = call.caller.tenant, .name = std::move(name)};
  TRY(directory.edit([&](identity::Edit& edit) { return edit.put(made); }));
  return json_reply(201, shown(made));
}

}  // namespace pinaco::front
