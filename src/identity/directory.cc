#include "identity/directory.h"

#include <fmt/format.h>

#include <algorithm>

#include "arm/arm.h"
#include "base/text.h"
#include "identity/secrets.h"

namespace pinaco::identity {
namespace {

constexpr std::size_t groups_a_step = 500;
constexpr std::string_view first_fact = "access/first";
constexpr std::string_view tenants_facts = "access/tenant/";
constexpr std::string_view subscriptions_facts = "access/subscription/";
constexpr std::string_view applications_facts = "access/application/";
constexpr std::string_view principals_facts = "access/principal/";
constexpr std::chrono::years secret_life{100};  // the administrator's own does not run out

std::string fact(std::string_view prefix, std::string_view id) {
  return std::string(prefix) + to_lower(id);
}

template <typename T, typename Read>
Result<std::optional<T>> find_fact(model::Change& change, std::string_view prefix,
                                   std::string_view id, Read read) {
  // Also keeps an id of any length from becoming a key.
  if (!arm::is_guid(id)) return std::optional<T>();
  const auto json = TRY(change.find_fact(fact(prefix, id)));
  return json ? std::optional<T>(read(*json)) : std::optional<T>();
}

template <typename Read>
Result<> add_all(const model::View& view, std::string_view prefix, Roster& roster, Read read) {
  for (const auto& [name, json] : TRY(view.facts(prefix))) roster.add(read(json));
  return {};
}

std::string default_domain(std::string_view name, std::string_view id) {
  std::string domain;
  for (const char c : to_lower(name)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) domain += c;
  }
  return fmt::format("{}-{}.pinaco", domain.empty() ? "tenant" : domain.substr(0, 30),
                     id.substr(0, 8));
}

}  // namespace

Result<std::optional<Tenant>> Edit::find_tenant(std::string_view id) const {
  return find_fact<Tenant>(change_, tenants_facts, id, tenant_from);
}

Result<std::optional<Subscription>> Edit::find_subscription(std::string_view id) const {
  return find_fact<Subscription>(change_, subscriptions_facts, id, subscription_from);
}

Result<std::optional<Application>> Edit::find_application(std::string_view app_id) const {
  return find_fact<Application>(change_, applications_facts, app_id, application_from);
}

Result<std::optional<Principal>> Edit::find_principal(std::string_view object_id) const {
  return find_fact<Principal>(change_, principals_facts, object_id, principal_from);
}

Result<> Edit::put(const Tenant& tenant) {
  return change_.put_fact(fact(tenants_facts, tenant.id), to_json(tenant));
}

Result<> Edit::put(const Subscription& subscription) {
  return change_.put_fact(fact(subscriptions_facts, subscription.id), to_json(subscription));
}

Result<> Edit::put(const Application& application) {
  return change_.put_fact(fact(applications_facts, application.app_id), to_json(application));
}

Result<> Edit::put(const Principal& principal) {
  return change_.put_fact(fact(principals_facts, principal.object_id), to_json(principal));
}

Result<> Edit::erase_application(std::string_view app_id) {
  return change_.erase_fact(fact(applications_facts, app_id));
}

Result<> Edit::erase_principal(std::string_view object_id) {
  const std::string id = to_lower(object_id);
  // As many as fit into the transaction. An id never comes back, so one that is left in a group
  // means nobody.
  std::size_t groups = 0;
  for (const auto& [name, json] : TRY(change_.facts(principals_facts))) {
    auto group = principal_from(json);
    if (std::erase(group.members, id) > 0)
      TRY(put(group));
    else
      continue;
    if (++groups == groups_a_step) break;
  }
  return change_.erase_fact(fact(principals_facts, id));
}

NewSecret new_secret(Random& random, std::string name, WallTime start, WallTime end) {
  NewSecret made{.secret = {}, .text = make_secret(random)};
  made.secret = {.key_id = random.uuid(),
                 .name = std::move(name),
                 .hint = made.text.substr(0, 3),
                 .hash = hash_secret(made.text, random),
                 .start = start,
                 .end = end};
  return made;
}

Result<> set_password(Principal& user, std::string_view password, Random& random) {
  const bool plain = std::ranges::none_of(
      password, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (password.size() < 8 || password.size() > 256 || !plain) {
    return fail(Kind::invalid,
                "The specified password does not comply with password complexity requirements: "
                "it must have 8 to 256 characters, and no control characters.");
  }
  user.password_hash = hash_secret(password, random);
  user.password_key = random.uuid();
  return {};
}

Result<std::unique_ptr<Directory>> Directory::open(model::Model& model, Welcome welcome) {
  std::unique_ptr<Directory> directory(new Directory(model, std::move(welcome)));
  if (!TRY(directory->load_first())) {
    TRY(directory->create_first());
    // What another process made first is what counts.
    if (!TRY(directory->load_first())) {
      return fail(Kind::corrupt, "The directory could not be made.");
    }
  }
  return directory;
}

Result<bool> Directory::load_first() {
  std::optional<Json> first;
  bool older = false;
  TRY(model_.read("", [&](const model::View& view) -> Result<> {
    first = TRY(view.find_fact(first_fact));
    older = TRY(view.find_fact("tenant"))
    .has_value();
    return {};
  }));
  if (!first && older) {
    return fail(Kind::corrupt,
                "The database was written by an earlier development version, whose directory this "
                "one does not read. Start with an empty data folder.");
  }
  if (!first) return false;
  first_tenant_ = string_at(*first, "tenant");
  administrator_ = string_at(*first, "administrator");
  const auto everybody = TRY(roster());
  if (everybody->find_tenant(first_tenant_) == nullptr || !arm::is_guid(administrator_)) {
    return fail(Kind::corrupt,
                "The database names a first tenant that is not in it: it is damaged. Restore it "
                "from a backup.");
  }
  return true;
}

Result<> Directory::put_tenant(Edit& edit, const FirstCredentials& first, const Tenant& tenant,
                               const std::string& subscription, const Secret& secret) {
  const auto now = edit.change().now();
  TRY(edit.put(tenant));
  if (!first.subscription.empty()) {
    TRY(edit.put(
        Subscription{.id = first.subscription, .tenant = tenant.id, .name = subscription}));
  }
  TRY(edit.put(Application{.id = edit.change().random().uuid(),
                           .app_id = first.client_id,
                           .tenant = tenant.id,
                           .name = "administrator",
                           .secrets = {secret},
                           .created = now}));
  TRY(edit.put(Principal{.object_id = first.object_id,
                         .tenant = tenant.id,
                         .name = "administrator",
                         .app_id = first.client_id,
                         .created = now}));
  return welcome_ ? welcome_(edit, first) : Result<>();
}

Result<> Directory::create_first() {
  const auto made = TRY(make_tenant("Pinaco", "Pinaco"));
  (void)made;
  return {};
}

Result<FirstCredentials> Directory::make_tenant(const std::string& name,
                                                const std::string& subscription) {
  auto& random = model_.random();
  FirstCredentials made = {.tenant = random.uuid(),
                           .subscription = subscription.empty() ? "" : random.uuid(),
                           .client_id = random.uuid(),
                           .client_secret = make_secret(random),
                           .object_id = random.uuid()};
  const auto now = model_.clock().now();
  const Secret secret = {.key_id = random.uuid(),
                         .name = "administrator",
                         .hint = made.client_secret.substr(0, 3),
                         .hash = hash_secret(made.client_secret, random),
                         .start = now,
                         .end = now + secret_life};
  const Tenant tenant = {
      .id = made.tenant, .name = name, .domain = default_domain(name, made.tenant)};
  bool is_first = false;
  const bool opening = first_tenant_.empty();
  TRY(edit([&](Edit& edit) -> Result<> {
    is_first = !TRY(edit.change().find_fact(first_fact));
    if (opening && !is_first) return {};
    if (is_first) {
      TRY(edit.change().put_fact(
          first_fact, JsonObject{{"tenant", made.tenant}, {"administrator", made.client_id}}));
    }
    if (TRY(edit.change().facts(tenants_facts)).size() >= tenants_max) {
      return fail(Kind::quota, fmt::format("There are {} tenants already.", tenants_max));
    }
    return put_tenant(edit, made, tenant, subscription, secret);
  }));
  if (is_first) first_ = made;
  return made;
}

Result<FirstCredentials> Directory::reset_administrator() {
  auto& random = model_.random();
  FirstCredentials made = {.tenant = first_tenant_,
                           .subscription = {},
                           .client_id = administrator_,
                           .client_secret = make_secret(random)};
  const auto now = model_.clock().now();
  const Secret secret = {.key_id = random.uuid(),
                         .name = "administrator",
                         .hint = made.client_secret.substr(0, 3),
                         .hash = hash_secret(made.client_secret, random),
                         .start = now,
                         .end = now + secret_life};
  TRY(edit([&](Edit& edit) -> Result<> {
    auto application = TRY(edit.find_application(administrator_));
    if (!application) return fail(Kind::not_found, "The administrator is not in the database.");
    application->secrets = {secret};
    return edit.put(*application);
  }));
  const auto everybody = TRY(roster());
  for (const auto& [id, subscription] : everybody->subscriptions()) {
    if (subscription.tenant == first_tenant_) made.subscription = id;
  }
  if (const auto* principal = everybody->find_service_principal(first_tenant_, administrator_)) {
    made.object_id = principal->object_id;
  }
  return made;
}

namespace {
thread_local std::shared_ptr<const Roster> pinned_roster;
}  // namespace

void Directory::pin(std::shared_ptr<const Roster> roster) {
  pinned_roster = std::move(roster);
}

Result<std::shared_ptr<const Roster>> Directory::roster() const {
  if (pinned_roster) return pinned_roster;
  const auto version = model_.access_version();
  const std::lock_guard lock(mutex_);
  if (roster_ && version_ == version) return roster_;
  auto fresh = std::make_shared<Roster>();
  TRY(model_.read("", [&](const model::View& view) -> Result<> {
    TRY(add_all(view, tenants_facts, *fresh, tenant_from));
    TRY(add_all(view, subscriptions_facts, *fresh, subscription_from));
    TRY(add_all(view, applications_facts, *fresh, application_from));
    return add_all(view, principals_facts, *fresh, principal_from);
  }));
  fresh->finish();
  roster_ = std::move(fresh);
  version_ = version;
  return roster_;
}

Result<> Directory::edit(const std::function<Result<>(Edit&)>& function) {
  return model_.change("", [&](model::Change& change) -> Result<> {
    Edit edit(change);
    return function(edit);
  });
}

}  // namespace pinaco::identity
