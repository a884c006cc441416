// The directory: everybody, in memory as of the last change, and the changes.
//
// Threads: all calls from any thread. Lifetime: the Model outlives it. Limits: records.h. Errors:
// those of the Model; corrupt when a fact is not one of ours.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "identity/roster.h"
#include "model/model.h"

namespace pinaco::identity {

struct FirstCredentials {  // shown once, then only the secret's hash is left
  std::string tenant;
  std::string subscription;  // empty when the tenant was made without one
  std::string client_id;
  std::string client_secret;
  std::string object_id = {};  // of the administrator, a service principal
};

// What a change of the directory can read and write: one transaction. Everything that is put must
// be whole; the caller gives the ids, in lower case.
class Edit {
 public:
  explicit Edit(model::Change& change) : change_(change) {}
  Result<std::optional<Tenant>> find_tenant(std::string_view id) const;
  Result<std::optional<Subscription>> find_subscription(std::string_view id) const;
  Result<std::optional<Application>> find_application(std::string_view app_id) const;
  Result<std::optional<Principal>> find_principal(std::string_view object_id) const;
  Result<> put(const Tenant& tenant);
  Result<> put(const Subscription& subscription);
  Result<> put(const Application& application);
  Result<> put(const Principal& principal);
  Result<> erase_application(std::string_view app_id);
  Result<> erase_principal(std::string_view object_id);  // from its groups as well
  model::Change& change() { return change_; }

 private:
  model::Change& change_;
};

// A new password of an application: its text is shown once.
struct NewSecret {
  Secret secret;
  std::string text;
};
NewSecret new_secret(Random& random, std::string name, WallTime start, WallTime end);
// Gives a user a password; what was got with the one before is refused from then on. 8 to 256
// bytes without control characters.
Result<> set_password(Principal& user, std::string_view password, Random& random);

class Directory {
 public:
  // Fills an empty model with a tenant, a subscription and an administrator. `welcome` runs in the
  // same transaction: whoever keeps roles gives the administrator its own there.
  using Welcome = std::function<Result<>(Edit&, const FirstCredentials&)>;
  static Result<std::unique_ptr<Directory>> open(model::Model& model, Welcome welcome);

  // Set only by the open() that made them.
  const std::optional<FirstCredentials>& first_credentials() const { return first_; }
  // The tenant that the first start made: that of whoever runs this server.
  const std::string& first_tenant() const { return first_tenant_; }
  // A new secret for its administrator; the old ones are refused from then on.
  Result<FirstCredentials> reset_administrator();
  // Another tenant, with an administrator of its own, and a subscription when that has a name.
  Result<FirstCredentials> make_tenant(const std::string& name, const std::string& subscription);

  // As of the last change that any caller of this process has seen answered.
  Result<std::shared_ptr<const Roster>> roster() const;
  // Makes this thread see that roster, whatever changes, until it is given none: a request that
  // reads rows must not wait for the directory's while it holds a reader of the database.
  static void pin(std::shared_ptr<const Roster> roster);
  // The function may be called again and must have no other effect.
  Result<> edit(const std::function<Result<>(Edit&)>& function);

 private:
  Directory(model::Model& model, Welcome welcome) : model_(model), welcome_(std::move(welcome)) {}
  Result<bool> load_first();
  Result<> create_first();
  Result<> put_tenant(Edit& edit, const FirstCredentials& first, const Tenant& tenant,
                      const std::string& subscription, const Secret& secret);

  model::Model& model_;
  Welcome welcome_;
  std::optional<FirstCredentials> first_;
  std::string first_tenant_;
  std::string administrator_;  // its client id
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Roster> roster_;
  mutable std::uint64_t version_ = 0;
};

}  // namespace pinaco::identity
