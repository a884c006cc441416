// The directory: one tenant, its subscriptions and its principals, as facts of no subscription.
//
// Threads: all calls from any thread. Lifetime: the Model outlives it. Limits: none of its own.
// Errors: those of the Model; corrupt when a fact is not one of ours.
#pragma once

#include "identity/identity.h"

namespace pinaco::identity {

struct Principal {
  std::string client_id;
  std::string object_id;
  std::string tenant;
  std::string name;
  std::string role;  // "administrator"
  std::string secret_hash;
};

class Directory {
 public:
  // Fills an empty model with a tenant, a subscription and an administrator.
  static Result<Directory> open(model::Model& model);

  const std::optional<FirstCredentials>& first_credentials() const { return first_; }
  Result<FirstCredentials> reset_administrator();

  const std::string& tenant() const { return tenant_; }
  const Principal& administrator() const { return administrator_; }  // its hash may be an old one
  bool has_subscription(std::string_view id) const;
  Result<std::vector<Subscription>> subscriptions() const;
  // As it is now; nullopt when unknown.
  Result<std::optional<Principal>> find_principal(std::string_view client_id) const;

 private:
  explicit Directory(model::Model& model) : model_(&model) {}
  Result<bool> load();  // false: nothing is there yet
  Result<> create();

  model::Model* model_;
  std::optional<FirstCredentials> first_;
  std::string tenant_;
  Principal administrator_;
  std::vector<Subscription> subscriptions_;
};

}  // namespace pinaco::identity
