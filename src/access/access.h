// What callers may do: the one place where an operation is allowed or refused, and where roles,
// role assignments and locks are kept.
//
// Threads: all calls from any thread. Lifetime: Model and Directory outlive it. A decision sees
// every change whose caller in this process has been answered. Limits: rules.h. Errors: may()
// AuthorizationFailed (403), check_locks() ScopeLocked (409); those of the Model.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "access/rules.h"
#include "identity/identity.h"
#include "model/model.h"

namespace pinaco::access {

// All rules at one moment, in memory.
class Rules {
 public:
  void add(RoleDefinition role);
  void add(RoleAssignment assignment);
  void add(Lock lock);
  void add(ManagementGroup group);

  const RoleDefinition* find_role(std::string_view id) const;  // built-in ones too
  // Whether any of the principals has a role that allows the action on one of the scopes.
  bool allow(const std::vector<std::string>& principals, std::string_view action,
             const std::vector<std::string>& scope_keys) const;
  // Whether any of them has any role on the scope or below it.
  bool reach_below(const std::vector<std::string>& principals, std::string_view scope_key) const;
  const Lock* find_lock(const std::vector<std::string>& scope_keys, bool deletes) const;
  const ManagementGroup* find_management_group(std::string_view tenant, std::string_view id) const;
  const std::vector<RoleAssignment>& assignments() const { return assignments_; }
  const std::vector<Lock>& locks() const { return locks_; }
  const std::unordered_map<std::string, RoleDefinition>& custom_roles() const { return roles_; }
  // By the key of their scope, in its order.
  const std::map<std::string, ManagementGroup>& management_groups() const { return groups_; }

 private:
  using Granted = std::unordered_map<std::string, std::vector<std::string>>;  // principal -> roles
  std::unordered_map<std::string, RoleDefinition> roles_;
  std::unordered_map<std::string, Granted> granted_;           // by scope key
  std::unordered_map<std::string, std::vector<Lock>> locked_;  // by scope key
  // For each principal the scope keys that it has a role on.
  std::unordered_map<std::string, std::vector<std::string>> reach_;
  std::vector<RoleAssignment> assignments_;
  std::vector<Lock> locks_;
  std::map<std::string, ManagementGroup> groups_;
};

class Access;

// While it lives, this thread sees the rules and the directory as they were when it was made. For
// requests that only read: they then never wait for the rules while they hold a reader of the
// database, of which there are few.
class OneView {
 public:
  explicit OneView(const Access& access);
  OneView(const OneView&) = delete;
  OneView& operator=(const OneView&) = delete;
  ~OneView();
};

class Access {
 public:
  Access(model::Model& model, const identity::Directory& directory)
      : model_(model), directory_(directory) {}
  virtual ~Access() = default;

  // Makes a new tenant's administrator Owner of the tenant: for Directory::open().
  static Result<> welcome(identity::Edit& edit, const identity::FirstCredentials& first);

  // Whether the caller may do the action on the scope.
  Result<> may(const identity::Caller& caller, std::string_view action,
               std::string_view scope) const;
  // The same as a yes or no, for what a list shows.
  virtual Result<bool> allows(const identity::Caller& caller, std::string_view action,
                              std::string_view scope) const;
  // Whether the caller has any role on the subscription, in it or above it.
  Result<bool> sees_subscription(const identity::Caller& caller,
                                 std::string_view subscription) const;
  // A lock on the scope or above it that forbids this: deletes, or any change.
  Result<> check_locks(std::string_view scope, bool deletes) const;

  // The rules as of now; for those who list them.
  Result<std::shared_ptr<const Rules>> rules() const;
  // The keys of a scope and of all scopes above it.
  Result<std::vector<std::string>> scope_keys(std::string_view tenant,
                                              std::string_view scope) const;
  const identity::Directory& directory() const { return directory_; }

 private:
  model::Model& model_;
  const identity::Directory& directory_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Rules> rules_;
  mutable std::uint64_t version_ = 0;
};

// Writing, inside a transaction of the shard of the scope (shard_of()).
Result<> put_rule(model::Change& change, const RoleAssignment& assignment);
Result<> put_rule(model::Change& change, const Lock& lock);
Result<> erase_assignment(model::Change& change, const RoleAssignment& assignment);
Result<> erase_lock(model::Change& change, const Lock& lock);
// Of a principal that is gone, wherever they are: a transaction of its own for each shard.
Result<> erase_assignments_of(model::Model& model, const Rules& rules, std::string_view object_id);
// In the shard "".
Result<> put_role(model::Change& change, const RoleDefinition& role);
Result<> erase_role(model::Change& change, const RoleDefinition& role);
Result<> put_management_group(model::Change& change, const ManagementGroup& group);
// With the rules on it.
Result<> erase_management_group(model::Change& change, const ManagementGroup& group);

// Access::check_locks() inside the transaction that changes or deletes what is at the scope, in the
// shard of its subscription: a lock that was put after the first check is seen.
Result<> check_locks(const model::View& view, std::string_view scope, bool deletes);

// Reading them inside a transaction: those of the shard, and the groups of a tenant.
Result<std::vector<RoleAssignment>> read_assignments(const model::View& view);
Result<std::vector<Lock>> read_locks(const model::View& view);
Result<std::vector<RoleDefinition>> read_roles(const model::View& view);
Result<std::vector<ManagementGroup>> read_management_groups(const model::View& view,
                                                            std::string_view tenant);

}  // namespace pinaco::access
