// The rows of Microsoft.Authorization, which are extensions of a scope, and of management groups,
// which are scopes; see provider.h for what a row says.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

extern const Extension role_definitions;
extern const Extension role_assignments;
extern const Extension locks;
extern const Extension permissions;
extern const Extension deny_assignments;
extern const Extension classic_administrators;

// management_groups.cc
Result<Outcome> list_management_groups(const Call& call);
Result<Outcome> get_management_group(const Call& call);
Result<Outcome> put_management_group(const Call& call);
Result<Outcome> delete_management_group(const Call& call);
Result<Outcome> add_to_management_group(const Call& call);
Result<Outcome> take_from_management_group(const Call& call);

// --- scopes.cc -----------------------------------------------------------------------------------

// The scope of a Call to an extension.
const std::string& scope_of(const Call& call);
// "<scope>/providers/Microsoft.Authorization/<type>/<name>".
std::string extension_id(std::string_view scope, std::string_view type, std::string_view name);
// Inside a transaction of the scope's shard: that there is something to put a rule on.
Result<> check_scope_exists(const model::View& view, std::string_view tenant,
                            std::string_view scope);

// $filter of these lists.
struct ScopeFilter {
  bool at_scope = false;         // not what is below
  bool exact = false;            // nor what is above
  bool below = false;            // atScopeAndBelow()
  std::string principal = {};    // principalId eq
  std::string assigned_to = {};  // or one of its groups
  std::string role_name = {};
  std::string role_type = {};
};
Result<ScopeFilter> parse_scope_filter(const Call& call);

// What stands above, at and below a scope, by scope keys.
class Around {
 public:
  static Result<Around> scope(const Call& call);
  bool is_at(std::string_view key) const { return key == own_; }
  bool is_above(std::string_view key) const;  // or at it
  bool is_below(std::string_view key) const;

 private:
  std::string own_;
  bool all_ = false;  // "/": everything of the tenant is below it
  std::string tenant_;
  std::vector<std::string> above_;
  std::vector<std::string> subscriptions_;  // keys of those below a management group, and groups
};

}  // namespace pinaco::provider
