#include "identity/directory.h"

#include "arm/arm.h"
#include "base/text.h"
#include "identity/secrets.h"

namespace pinaco::identity {
namespace {

constexpr std::string_view tenant_fact = "tenant";
constexpr std::string_view subscriptions_facts = "subscription/";
constexpr std::string_view principals_facts = "principal/";

std::string fact(std::string_view prefix, std::string_view id) {
  return std::string(prefix) + to_lower(id);
}

Json to_json(const Principal& principal) {
  return JsonObject{{"clientId", principal.client_id}, {"objectId", principal.object_id},
                    {"tenantId", principal.tenant},    {"displayName", principal.name},
                    {"role", principal.role},          {"secretHash", principal.secret_hash}};
}

Principal principal_from(const Json& json) {
  const auto text = [&](std::string_view name) { return std::string(string_at(json, name)); };
  return Principal{.client_id = text("clientId"),
                   .object_id = text("objectId"),
                   .tenant = text("tenantId"),
                   .name = text("displayName"),
                   .role = text("role"),
                   .secret_hash = text("secretHash")};
}

Json to_json(const Subscription& subscription) {
  return JsonObject{{"id", subscription.id},
                    {"tenantId", subscription.tenant},
                    {"displayName", subscription.name}};
}

Subscription subscription_from(const Json& json) {
  const auto text = [&](std::string_view name) { return std::string(string_at(json, name)); };
  return Subscription{.id = text("id"), .tenant = text("tenantId"), .name = text("displayName")};
}

Result<std::vector<Subscription>> read_subscriptions(const model::View& view) {
  std::vector<Subscription> found;
  for (const auto& [name, json] : TRY(view.facts(subscriptions_facts))) {
    found.push_back(subscription_from(json));
  }
  return found;
}

}  // namespace

Result<Directory> Directory::open(model::Model& model) {
  Directory directory(model);
  if (!TRY(directory.load())) {
    TRY(directory.create());
    // What another process made first is what counts.
    if (!TRY(directory.load())) return fail(Kind::corrupt, "The directory could not be made.");
  }
  return directory;
}

Result<bool> Directory::load() {
  bool there = false;
  TRY(model_->read("", [&](const model::View& view) -> Result<> {
    const auto tenant = TRY(view.find_fact(tenant_fact));
    if (!tenant) return {};
    there = true;
    tenant_ = string_at(*tenant, "id");
    subscriptions_ = TRY(read_subscriptions(view));
    for (const auto& [name, json] : TRY(view.facts(principals_facts))) {
      auto principal = principal_from(json);
      if (principal.role == "administrator") administrator_ = std::move(principal);
    }
    if (!arm::is_guid(tenant_) || !arm::is_guid(administrator_.client_id)) {
      return fail(Kind::corrupt,
                  "The database names a tenant but no administrator: it is damaged, or was "
                  "written by another program. Restore it from a backup.");
    }
    return {};
  }));
  return there;
}

Result<> Directory::create() {
  auto& random = model_->random();
  const FirstCredentials first = {.tenant = random.uuid(),
                                  .subscription = random.uuid(),
                                  .client_id = random.uuid(),
                                  .client_secret = make_secret(random)};
  const Subscription subscription = {
      .id = first.subscription, .tenant = first.tenant, .name = "Pinaco"};
  const Principal administrator = {.client_id = first.client_id,
                                   .object_id = random.uuid(),
                                   .tenant = first.tenant,
                                   .name = "administrator",
                                   .role = "administrator",
                                   .secret_hash = hash_secret(first.client_secret, random)};
  bool ours = false;
  TRY(model_->change("", [&](model::Change& change) -> Result<> {
    ours = !TRY(change.find_fact(tenant_fact));
    if (!ours) return {};
    TRY(change.put_fact(tenant_fact, JsonObject{{"id", first.tenant}}));
    TRY(change.put_fact(fact(subscriptions_facts, subscription.id), to_json(subscription)));
    return change.put_fact(fact(principals_facts, administrator.client_id), to_json(administrator));
  }));
  if (ours) first_ = first;
  return {};
}

Result<FirstCredentials> Directory::reset_administrator() {
  const std::string secret = make_secret(model_->random());
  const std::string hash = hash_secret(secret, model_->random());
  const std::string name = fact(principals_facts, administrator_.client_id);
  TRY(model_->change("", [&](model::Change& change) -> Result<> {
    const auto json = TRY(change.find_fact(name));
    if (!json) return fail(Kind::not_found, "The administrator is not in the database.");
    auto principal = principal_from(*json);
    principal.secret_hash = hash;
    return change.put_fact(name, to_json(principal));
  }));
  return FirstCredentials{.tenant = tenant_,
                          .subscription = subscriptions_.empty() ? "" : subscriptions_.front().id,
                          .client_id = administrator_.client_id,
                          .client_secret = secret};
}

bool Directory::has_subscription(std::string_view id) const {
  for (const auto& subscription : subscriptions_) {
    if (iequals(subscription.id, id)) return true;
  }
  return false;
}

Result<std::vector<Subscription>> Directory::subscriptions() const {
  std::vector<Subscription> found;
  TRY(model_->read("", [&](const model::View& view) -> Result<> {
    found = TRY(read_subscriptions(view));
    return {};
  }));
  return found;
}

Result<std::optional<Principal>> Directory::find_principal(std::string_view client_id) const {
  std::optional<Principal> found;
  // Also keeps a client id of any length from becoming a key.
  if (!arm::is_guid(client_id)) return found;
  TRY(model_->read("", [&](const model::View& view) -> Result<> {
    const auto json = TRY(view.find_fact(fact(principals_facts, client_id)));
    if (json) found = principal_from(*json);
    return {};
  }));
  return found;
}

}  // namespace pinaco::identity
