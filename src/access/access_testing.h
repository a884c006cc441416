// For tests: a directory with two tenants, and hands that give roles without asking for a right.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "access/access.h"
#include "base/text.h"

namespace pinaco::access {

inline constexpr const char* reader_role = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
inline constexpr const char* contributor_role = "b24988ac-6180-42a0-ab88-20f7382dd24c";
inline constexpr const char* image_reader_role = "cf7c76d2-98a3-4358-a134-615aa78bf44d";
inline constexpr const char* sharing_role = "1ef6a3be-d0ac-425d-8c01-acb62866290b";

class AccessTest : public testing::Test {
 protected:
  AccessTest() : directory_(identity::Directory::open(model_, Access::welcome).value()) {
    home_ = *directory_->first_credentials();
    other_ = directory_->make_tenant("Other", "Other").value();
    s_ = "/subscriptions/" + home_.subscription;
    gallery_ = s_ + "/resourceGroups/rg/providers/Microsoft.Compute/galleries/g";
    definition_ = gallery_ + "/images/d";
    version_ = definition_ + "/versions/1.0.0";
  }

  identity::Caller administrator(const identity::FirstCredentials& first) const {
    return {.tenant = first.tenant,
            .object_id = first.object_id,
            .client_id = first.client_id,
            .name = "administrator"};
  }
  // A new user or group of the first tenant.
  identity::Caller make(identity::PrincipalType type = identity::PrincipalType::user,
                        const std::vector<std::string>& members = {}) {
    const std::string id = system_random().uuid();
    EXPECT_TRUE(directory_->edit([&](identity::Edit& edit) {
      return edit.put(identity::Principal{.object_id = id,
                                          .tenant = home_.tenant,
                                          .type = type,
                                          .name = "p",
                                          .user_name = id + "@x",
                                          .members = members});
    }));
    return {.tenant = home_.tenant, .object_id = id, .client_id = id, .name = "p"};
  }
  RoleAssignment give(const identity::Caller& caller, std::string_view role,
                      const std::string& scope) {
    const RoleAssignment assignment{.id = system_random().uuid(),
                                    .tenant = caller.tenant,
                                    .scope = scope,
                                    .role = std::string(role),
                                    .principal = caller.object_id,
                                    .principal_type = "User"};
    EXPECT_TRUE(model_.change(shard_of(scope),
                              [&](model::Change& change) { return put_rule(change, assignment); }));
    return assignment;
  }
  void take(const RoleAssignment& assignment) {
    EXPECT_TRUE(model_.change(shard_of(assignment.scope), [&](model::Change& change) {
      return erase_assignment(change, assignment);
    }));
  }
  void lock(const std::string& scope, LockLevel level) {
    EXPECT_TRUE(model_.change(shard_of(scope), [&](model::Change& change) {
      return put_rule(change,
                      Lock{.name = "l", .tenant = home_.tenant, .scope = scope, .level = level});
    }));
  }
  bool may(const identity::Caller& caller, std::string_view action, const std::string& scope) {
    const auto allowed = access_.may(caller, action, scope);
    EXPECT_TRUE(allowed || allowed.error().code == "AuthorizationFailed") << scope;
    return allowed.has_value();
  }
  bool reads(const identity::Caller& caller, const std::string& scope) {
    std::string type = "Microsoft.Compute/galleries";
    if (scope == definition_) type += "/images";
    if (scope == version_) type += "/images/versions";
    return may(caller, type + "/read", scope);
  }
  // "gallery definition version", a letter each where the caller may read.
  std::string cell(const identity::Caller& caller) {
    return std::string(reads(caller, gallery_) ? "g" : "-") +
           (reads(caller, definition_) ? "d" : "-") + (reads(caller, version_) ? "v" : "-");
  }

  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  ManualClock clock_;
  model::Model model_{*kv_, clock_, system_random()};
  std::unique_ptr<identity::Directory> directory_;
  Access access_{model_, *directory_};
  identity::FirstCredentials home_, other_;
  std::string s_, gallery_, definition_, version_;
};

}  // namespace pinaco::access
