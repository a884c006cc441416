#include "access/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::access {
namespace {

constexpr std::string_view roles_facts = "access/role/";
constexpr std::string_view groups_facts = "access/managementgroup/";

std::string groups_prefix(std::string_view tenant) {
  return std::string(groups_facts) + to_lower(tenant) + "/";
}

std::string assignment_fact(const RoleAssignment& each) {
  return fmt::format("{}#role/{}", model::rules_prefix(scope_key(each.tenant, each.scope)),
                     to_lower(each.id));
}

std::string lock_fact(const Lock& lock) {
  return fmt::format("{}#lock/{}", model::rules_prefix(scope_key(lock.tenant, lock.scope)),
                     to_lower(lock.name));
}

// The scope was made from a parsed id, so anything odd in it is a mistake of ours, and a refusal
// is the safe answer to it.
bool is_plain(std::string_view scope) {
  if (!scope.starts_with('/')) return false;
  if (scope == "/") return true;
  for (const auto segment : split(scope.substr(1), '/')) {
    if (segment.empty() || segment == "." || segment == "..") return false;
    for (const char c : segment) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f || c == '%' || c == '\\') return false;
    }
  }
  return true;
}

Error scope_locked(std::string_view scope, bool deletes, const Lock& lock) {
  return arm::error(
      Kind::conflict, "ScopeLocked",
      fmt::format("The scope '{}' cannot perform {} operation because following scope(s) are "
                  "locked: '{}'. Please remove the lock and try again.",
                  scope, deletes ? "delete" : "write", lock.scope));
}

Result<> add_rules(const model::View& view, Rules& rules) {
  for (const auto& [name, json] : TRY(view.facts("access/on/"))) {
    if (name.find("/#role/") != std::string::npos) rules.add(assignment_from(json));
    if (name.find(model::lock_mark) != std::string::npos) rules.add(lock_from(json));
  }
  return {};
}

}  // namespace

void Rules::add(RoleDefinition role) {
  auto id = role.id;
  roles_.insert_or_assign(std::move(id), std::move(role));
}

void Rules::add(RoleAssignment assignment) {
  const auto key = scope_key(assignment.tenant, assignment.scope);
  granted_[key][assignment.principal].push_back(assignment.role);
  reach_[assignment.principal].push_back(key);
  assignments_.push_back(std::move(assignment));
}

void Rules::add(Lock lock) {
  locked_[scope_key(lock.tenant, lock.scope)].push_back(lock);
  locks_.push_back(std::move(lock));
}

void Rules::add(ManagementGroup group) {
  auto key = scope_key(group.tenant, management_group_scope(group.id));
  groups_.insert_or_assign(std::move(key), std::move(group));
}

const ManagementGroup* Rules::find_management_group(std::string_view tenant,
                                                    std::string_view id) const {
  const auto found = groups_.find(scope_key(tenant, management_group_scope(id)));
  return found == groups_.end() ? nullptr : &found->second;
}

const RoleDefinition* Rules::find_role(std::string_view id) const {
  for (const auto& role : built_in_roles()) {
    if (iequals(role.id, id)) return &role;
  }
  const auto found = roles_.find(to_lower(id));
  return found == roles_.end() ? nullptr : &found->second;
}

bool Rules::allow(const std::vector<std::string>& principals, std::string_view action,
                  const std::vector<std::string>& scope_keys) const {
  for (const auto& key : scope_keys) {
    const auto granted = granted_.find(key);
    if (granted == granted_.end()) continue;
    for (const auto& principal : principals) {
      const auto roles = granted->second.find(principal);
      if (roles == granted->second.end()) continue;
      for (const auto& id : roles->second) {
        const auto* role = find_role(id);
        if (role != nullptr && role->allows(action)) return true;
      }
    }
  }
  return false;
}

bool Rules::reach_below(const std::vector<std::string>& principals,
                        std::string_view scope_key) const {
  const std::string below = std::string(scope_key) + "/";
  for (const auto& principal : principals) {
    const auto reach = reach_.find(principal);
    if (reach == reach_.end()) continue;
    for (const auto& key : reach->second) {
      if (key == scope_key || key.starts_with(below)) return true;
    }
  }
  return false;
}

const Lock* Rules::find_lock(const std::vector<std::string>& scope_keys, bool deletes) const {
  for (const auto& key : scope_keys) {
    const auto found = locked_.find(key);
    if (found == locked_.end()) continue;
    for (const auto& lock : found->second) {
      if (deletes || lock.level == LockLevel::read_only) return &lock;
    }
  }
  return nullptr;
}

Result<> Access::welcome(identity::Edit& edit, const identity::FirstCredentials& first) {
  auto& change = edit.change();
  return put_rule(change, RoleAssignment{.id = change.random().uuid(),
                                         .tenant = first.tenant,
                                         .scope = "/",
                                         .role = std::string(owner_role),
                                         .principal = first.object_id,
                                         .principal_type = "ServicePrincipal",
                                         .created = change.now(),
                                         .updated = change.now(),
                                         .created_by = first.object_id,
                                         .updated_by = first.object_id});
}

namespace {
thread_local std::shared_ptr<const Rules> pinned_rules;
}  // namespace

OneView::OneView(const Access& access) {
  // What cannot be read now is asked for again by whoever needs it, and refused there.
  auto rules = access.rules();
  auto roster = access.directory().roster();
  if (!rules || !roster) return;
  pinned_rules = std::move(*rules);
  identity::Directory::pin(std::move(*roster));
}

OneView::~OneView() {
  pinned_rules = nullptr;
  identity::Directory::pin(nullptr);
}

Result<std::shared_ptr<const Rules>> Access::rules() const {
  if (pinned_rules) return pinned_rules;
  const auto version = model_.access_version();
  const std::lock_guard lock(mutex_);
  if (rules_ && version_ == version) return rules_;
  auto fresh = std::make_shared<Rules>();
  TRY(model_.read("", [&](const model::View& view) -> Result<> {
    for (const auto& [name, json] : TRY(view.facts(roles_facts))) fresh->add(role_from(json));
    for (const auto& [name, json] : TRY(view.facts(groups_facts))) {
      fresh->add(management_group_from(json));
    }
    return add_rules(view, *fresh);
  }));
  const auto everybody = TRY(directory_.roster());
  for (const auto& [id, subscription] : everybody->subscriptions()) {
    TRY(model_.read(id, [&](const model::View& view) { return add_rules(view, *fresh); }));
  }
  rules_ = std::move(fresh);
  version_ = version;
  return rules_;
}

Result<std::vector<std::string>> Access::scope_keys(std::string_view tenant,
                                                    std::string_view scope) const {
  std::vector<std::string> keys;
  const auto own = scope_key(tenant, scope);
  const auto subscription_id = shard_of(scope);
  // From the scope up: each place where a segment ends may be a scope.
  const std::size_t least =
      subscription_id.empty() ? std::string_view("/tenants/").size() + tenant.size()
                              : std::string_view("/subscriptions/").size() + subscription_id.size();
  for (std::size_t end = own.size(); end >= least; end = own.rfind('/', end - 1)) {
    keys.push_back(own.substr(0, end));
    if (end == least) break;
  }
  auto group = management_group_of(scope);
  if (!subscription_id.empty()) {
    const auto everybody = TRY(directory_.roster());
    const auto* subscription = everybody->find_subscription(subscription_id);
    if (subscription != nullptr) group = subscription->management_group;
    if (!group.empty()) keys.push_back(scope_key(tenant, management_group_scope(group)));
  }
  if (!group.empty()) {
    const auto now = TRY(rules());
    for (std::size_t level = 0; level < management_group_levels_max; level++) {
      const auto* found = now->find_management_group(tenant, group);
      if (found == nullptr || found->parent.empty()) break;
      group = found->parent;
      keys.push_back(scope_key(tenant, management_group_scope(group)));
    }
  }
  const auto root = scope_key(tenant, "/");
  // The tenant's own id names its root management group.
  keys.push_back(scope_key(tenant, management_group_scope(tenant)));
  if (keys.front() != root) keys.push_back(root);
  return keys;
}

Result<bool> Access::allows(const identity::Caller& caller, std::string_view action,
                            std::string_view scope) const {
  if (action.empty() || !is_plain(scope)) return false;
  const auto everybody = TRY(directory_.roster());
  const auto subscription_id = shard_of(scope);
  if (!subscription_id.empty()) {
    const auto* subscription = everybody->find_subscription(subscription_id);
    if (subscription == nullptr || subscription->tenant != caller.tenant) return false;
  }
  const auto keys = TRY(scope_keys(caller.tenant, scope));
  const auto now = TRY(rules());
  return now->allow(everybody->memberships(caller.object_id), action, keys) ||
         now->allow(caller.groups, action, keys);
}

Result<> Access::may(const identity::Caller& caller, std::string_view action,
                     std::string_view scope) const {
  if (TRY(allows(caller, action, scope))) return {};
  return fail(Error{
      .kind = Kind::denied,
      .message = fmt::format("The client '{}' with object id '{}' does not have authorization to "
                             "perform action '{}' over scope '{}' or the scope is invalid. If "
                             "access was recently granted, please refresh your credentials.",
                             caller.is_user ? caller.name : caller.client_id, caller.object_id,
                             action, scope),
      .code = "AuthorizationFailed"});
}

Result<bool> Access::sees_subscription(const identity::Caller& caller,
                                       std::string_view subscription) const {
  const auto everybody = TRY(directory_.roster());
  const auto* found = everybody->find_subscription(subscription);
  if (found == nullptr || found->tenant != caller.tenant) return false;
  const std::string scope = "/subscriptions/" + found->id;
  auto principals = everybody->memberships(caller.object_id);
  principals.insert(principals.end(), caller.groups.begin(), caller.groups.end());
  const auto now = TRY(rules());
  for (const auto& key : TRY(scope_keys(caller.tenant, scope))) {
    if (key == scope ? now->reach_below(principals, key)
                     : now->allow(principals, "Microsoft.Resources/subscriptions/read", {key})) {
      return true;
    }
  }
  return false;
}

Result<> Access::check_locks(std::string_view scope, bool deletes) const {
  const auto now = TRY(rules());
  if (now->locks().empty()) return {};
  const auto everybody = TRY(directory_.roster());
  const auto* subscription = everybody->find_subscription(shard_of(scope));
  if (subscription == nullptr) return {};
  const auto* lock = now->find_lock(TRY(scope_keys(subscription->tenant, scope)), deletes);
  // A group or resource with a locked one in it cannot go either.
  if (lock == nullptr && deletes) {
    const auto below = scope_key(subscription->tenant, scope) + "/";
    for (const auto& each : now->locks()) {
      if (scope_key(each.tenant, each.scope).starts_with(below)) lock = &each;
    }
  }
  if (lock == nullptr) return {};
  return fail(scope_locked(scope, deletes, *lock));
}

Result<> check_locks(const model::View& view, std::string_view scope, bool deletes) {
  const auto subscription = shard_of(scope);
  if (subscription.empty()) return {};
  const auto own = scope_key({}, scope);
  const std::size_t least = std::string_view("/subscriptions/").size() + subscription.size();
  for (std::size_t end = own.size(); end >= least; end = own.rfind('/', end - 1)) {
    const auto here = model::rules_prefix(own.substr(0, end)) + "#lock/";
    for (const auto& [name, json] : TRY(view.facts(here))) {
      const auto lock = lock_from(json);
      if (deletes || lock.level == LockLevel::read_only) {
        return fail(scope_locked(scope, deletes, lock));
      }
    }
    if (end == least) break;
  }
  if (!deletes) return {};
  for (const auto& [name, json] : TRY(view.facts(model::rules_prefix(own)))) {
    if (name.find(model::lock_mark) == std::string::npos) continue;
    return fail(scope_locked(scope, deletes, lock_from(json)));
  }
  return {};
}

Result<> put_rule(model::Change& change, const RoleAssignment& assignment) {
  return change.put_fact(assignment_fact(assignment), to_json(assignment));
}

Result<> put_rule(model::Change& change, const Lock& lock) {
  return change.put_fact(lock_fact(lock), to_json(lock));
}

Result<> erase_assignment(model::Change& change, const RoleAssignment& assignment) {
  return change.erase_fact(assignment_fact(assignment));
}

Result<> erase_assignments_of(model::Model& model, const Rules& rules, std::string_view object_id) {
  std::unordered_map<std::string, std::vector<RoleAssignment>> by_shard;
  for (const auto& each : rules.assignments()) {
    if (iequals(each.principal, object_id)) by_shard[shard_of(each.scope)].push_back(each);
  }
  constexpr std::size_t rows_a_step = 500;
  for (const auto& [shard, assignments] : by_shard) {
    for (std::size_t from = 0; from < assignments.size(); from += rows_a_step) {
      const std::size_t to = std::min(from + rows_a_step, assignments.size());
      TRY(model.change(shard, [&](model::Change& change) -> Result<> {
        for (std::size_t i = from; i < to; i++) TRY(erase_assignment(change, assignments[i]));
        return {};
      }));
    }
  }
  return {};
}

Result<> erase_lock(model::Change& change, const Lock& lock) {
  return change.erase_fact(lock_fact(lock));
}

Result<> put_role(model::Change& change, const RoleDefinition& role) {
  return change.put_fact(std::string(roles_facts) + to_lower(role.id), to_json(role));
}

Result<> erase_role(model::Change& change, const RoleDefinition& role) {
  return change.erase_fact(std::string(roles_facts) + to_lower(role.id));
}

Result<> put_management_group(model::Change& change, const ManagementGroup& group) {
  return change.put_fact(groups_prefix(group.tenant) + to_lower(group.id), to_json(group));
}

Result<> erase_management_group(model::Change& change, const ManagementGroup& group) {
  const auto key = scope_key(group.tenant, management_group_scope(group.id));
  for (const auto& [name, json] : TRY(change.facts(model::rules_prefix(key)))) {
    TRY(change.erase_fact(name));
  }
  for (const auto& [name, json] : TRY(change.facts(model::attached_prefix(key)))) {
    TRY(change.erase_fact(name));
  }
  return change.erase_fact(groups_prefix(group.tenant) + to_lower(group.id));
}

Result<std::vector<RoleAssignment>> read_assignments(const model::View& view) {
  std::vector<RoleAssignment> found;
  for (const auto& [name, json] : TRY(view.facts("access/on/"))) {
    if (name.find("/#role/") != std::string::npos) found.push_back(assignment_from(json));
  }
  return found;
}

Result<std::vector<Lock>> read_locks(const model::View& view) {
  std::vector<Lock> found;
  for (const auto& [name, json] : TRY(view.facts("access/on/"))) {
    if (name.find(model::lock_mark) != std::string::npos) found.push_back(lock_from(json));
  }
  return found;
}

Result<std::vector<RoleDefinition>> read_roles(const model::View& view) {
  std::vector<RoleDefinition> found;
  for (const auto& [name, json] : TRY(view.facts(roles_facts))) found.push_back(role_from(json));
  return found;
}

Result<std::vector<ManagementGroup>> read_management_groups(const model::View& view,
                                                            std::string_view tenant) {
  std::vector<ManagementGroup> found;
  for (const auto& [name, json] : TRY(view.facts(groups_prefix(tenant)))) {
    found.push_back(management_group_from(json));
  }
  return found;
}

}  // namespace pinaco::access
