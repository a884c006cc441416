#include "identity/roster.h"

#include <unordered_set>

#include "base/text.h"

namespace pinaco::identity {
namespace {

template <typename T>
const T* find_in(const std::map<std::string, T, std::less<>>& rows, std::string_view id) {
  const auto found = rows.find(to_lower(id));
  return found == rows.end() ? nullptr : &found->second;
}

std::string pair_key(std::string_view tenant, std::string_view app_id) {
  return to_lower(tenant) + "/" + to_lower(app_id);
}

}  // namespace

void Roster::add(Tenant tenant) {
  auto key = to_lower(tenant.id);
  tenants_.insert_or_assign(std::move(key), std::move(tenant));
}

void Roster::add(Subscription subscription) {
  auto key = to_lower(subscription.id);
  subscriptions_.insert_or_assign(std::move(key), std::move(subscription));
}

void Roster::add(Application application) {
  auto key = to_lower(application.app_id);
  application_ids_[to_lower(application.id)] = key;
  applications_.insert_or_assign(std::move(key), std::move(application));
}

void Roster::add(Principal principal) {
  auto key = to_lower(principal.object_id);
  if (principal.type == PrincipalType::service_principal) {
    service_principals_[pair_key(principal.tenant, principal.app_id)] = key;
  } else if (principal.type == PrincipalType::user) {
    users_[to_lower(principal.user_name)] = key;
  }
  principals_.insert_or_assign(std::move(key), std::move(principal));
}

void Roster::finish() {
  // Upwards from every principal through the groups that hold it; a circle of groups ends where
  // it meets itself.
  std::unordered_map<std::string, std::vector<std::string>> holders;
  for (const auto& [id, principal] : principals_) {
    for (const auto& member : principal.members) holders[to_lower(member)].push_back(id);
  }
  for (const auto& [id, principal] : principals_) {
    std::vector<std::string> all{id};
    std::unordered_set<std::string_view> seen{id};
    for (std::size_t i = 0; i < all.size(); i++) {
      const auto found = holders.find(all[i]);
      if (found == holders.end()) continue;
      visits_ += found->second.size();
      for (const auto& group : found->second) {
        if (seen.insert(group).second) all.push_back(group);
      }
    }
    memberships_[id] = std::move(all);
  }
}

const Tenant* Roster::find_tenant(std::string_view id) const {
  return find_in(tenants_, id);
}

const Subscription* Roster::find_subscription(std::string_view id) const {
  return find_in(subscriptions_, id);
}

const Application* Roster::find_application(std::string_view app_id) const {
  return find_in(applications_, app_id);
}

const Application* Roster::find_application_by_id(std::string_view object_id) const {
  const auto found = application_ids_.find(to_lower(object_id));
  return found == application_ids_.end() ? nullptr : find_application(found->second);
}

const Principal* Roster::find_principal(std::string_view object_id) const {
  return find_in(principals_, object_id);
}

const Principal* Roster::find_service_principal(std::string_view tenant,
                                                std::string_view app_id) const {
  const auto found = service_principals_.find(pair_key(tenant, app_id));
  return found == service_principals_.end() ? nullptr : find_principal(found->second);
}

const Principal* Roster::find_user(std::string_view user_name) const {
  const auto found = users_.find(to_lower(user_name));
  return found == users_.end() ? nullptr : find_principal(found->second);
}

const std::vector<std::string>& Roster::memberships(std::string_view object_id) const {
  static const std::vector<std::string> none;
  const auto found = memberships_.find(to_lower(object_id));
  return found == memberships_.end() ? none : found->second;
}

}  // namespace pinaco::identity
