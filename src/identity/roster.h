// Everybody at one moment, in memory, found by id.
//
// Immutable, so safe from any thread. Pointers live as long as the Roster. All ids are compared in
// lower case; the find functions take any spelling.
#pragma once

#include <map>
#include <unordered_map>

#include "identity/records.h"

namespace pinaco::identity {

class Roster {
 public:
  void add(Tenant tenant);
  void add(Subscription subscription);
  void add(Application application);
  void add(Principal principal);
  void finish();  // once, after the last add(): works out who is in which groups

  const Tenant* find_tenant(std::string_view id) const;
  const Subscription* find_subscription(std::string_view id) const;
  const Application* find_application(std::string_view app_id) const;
  const Application* find_application_by_id(std::string_view object_id) const;
  const Principal* find_principal(std::string_view object_id) const;
  const Principal* find_service_principal(std::string_view tenant, std::string_view app_id) const;
  // By user name ("ann@contoso.pinaco"), which is unique over all tenants.
  const Principal* find_user(std::string_view user_name) const;
  // The object id itself and those of all groups that it is in, through groups of groups too.
  const std::vector<std::string>& memberships(std::string_view object_id) const;
  // How many links from a group's member to the group finish() followed.
  std::size_t visits() const { return visits_; }

  // In the order of their ids.
  const std::map<std::string, Tenant, std::less<>>& tenants() const { return tenants_; }
  const std::map<std::string, Subscription, std::less<>>& subscriptions() const {
    return subscriptions_;
  }
  const std::map<std::string, Application, std::less<>>& applications() const {
    return applications_;
  }
  const std::map<std::string, Principal, std::less<>>& principals() const { return principals_; }

 private:
  std::map<std::string, Tenant, std::less<>> tenants_;
  std::map<std::string, Subscription, std::less<>> subscriptions_;
  std::map<std::string, Application, std::less<>> applications_;     // by app_id
  std::map<std::string, Principal, std::less<>> principals_;         // by object id
  std::unordered_map<std::string, std::string> application_ids_;     // object id -> app_id
  std::unordered_map<std::string, std::string> service_principals_;  // tenant/app_id -> object id
  std::unordered_map<std::string, std::string> users_;               // user name -> object id
  std::unordered_map<std::string, std::vector<std::string>> memberships_;
  std::size_t visits_ = 0;
};

}  // namespace pinaco::identity
