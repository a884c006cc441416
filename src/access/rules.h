// Roles, who has them, and locks: what is remembered, and the words of it. The shapes are those of
// Microsoft.Authorization.
//
// Plain values and pure functions. A scope is "/" (a tenant), a management group's id, a
// subscription, a resource group or a resource: a rule on it holds for all that is below it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace pinaco::access {

struct Permission {
  std::vector<std::string> actions;  // "Microsoft.Compute/galleries/*"
  std::vector<std::string> not_actions = {};
  std::vector<std::string> data_actions = {};
  std::vector<std::string> not_data_actions = {};

  // actions without not_actions.
  bool allows(std::string_view action) const;
};

struct RoleDefinition {
  std::string id;  // a GUID, lower case
  std::string name;
  std::string description;
  std::string tenant = {};  // empty: built in, in every tenant
  std::vector<Permission> permissions = {};
  std::vector<std::string> assignable_scopes = {};
  WallTime created = {};
  WallTime updated = {};
  std::string created_by = {};
  std::string updated_by = {};

  bool is_built_in() const { return tenant.empty(); }
  bool allows(std::string_view action) const;
};

struct RoleAssignment {
  std::string id;      // a GUID, lower case; unique on its scope
  std::string tenant;  // of the principal and the scope
  std::string scope;   // as written when it was made
  std::string role;    // the RoleDefinition's id
  std::string principal;
  std::string principal_type;  // "User", "Group", "ServicePrincipal"
  std::string description = {};
  WallTime created = {};
  WallTime updated = {};
  std::string created_by = {};  // object ids
  std::string updated_by = {};
};

enum class LockLevel { cannot_delete, read_only };
std::string_view to_string(LockLevel level);  // "CanNotDelete", "ReadOnly"

struct Lock {
  std::string name;
  std::string tenant;
  std::string scope;
  LockLevel level = LockLevel::cannot_delete;
  std::string notes = {};
};

// A scope between a tenant and its subscriptions.
struct ManagementGroup {
  std::string id;  // as written when it was made
  std::string tenant;
  std::string name;    // "Production"
  std::string parent;  // another's id; empty: the tenant's root
};

Json to_json(const ManagementGroup& group);
Json to_json(const RoleDefinition& role);
Json to_json(const RoleAssignment& assignment);
Json to_json(const Lock& lock);
RoleDefinition role_from(const Json& json);
RoleAssignment assignment_from(const Json& json);
Lock lock_from(const Json& json);
ManagementGroup management_group_from(const Json& json);

// '*' stands for any text, '/' included; letters compare without case. Linear in both.
bool matches_action(std::string_view pattern, std::string_view action);

// Azure's own, under their well-known ids.
std::span<const RoleDefinition> built_in_roles();
inline constexpr std::string_view owner_role = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

// --- where rules are -----------------------------------------------------------------------------

// The shard that a scope's rules are kept in: its subscription, or "" above those.
std::string shard_of(std::string_view scope);
// What stands for a scope in the names of facts and in memory: the scope in lower case below a
// subscription, and above those with its tenant, since "/" is in every tenant.
std::string scope_key(std::string_view tenant, std::string_view scope);

// Of a management group; the tenant's own id names its root.
std::string management_group_scope(std::string_view id);
// The group's id when the scope is one's, else empty.
std::string management_group_of(std::string_view scope);

inline constexpr std::size_t assignments_max = 4000;           // of a subscription, as in Azure
inline constexpr std::size_t custom_roles_max = 5000;          // of a tenant
inline constexpr std::size_t locks_max = 20;                   // of a scope
inline constexpr std::size_t management_groups_max = 1000;     // of a tenant
inline constexpr std::size_t management_group_levels_max = 6;  // below the root

}  // namespace pinaco::access
