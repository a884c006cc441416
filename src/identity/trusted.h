// Callers by the tokens of outside issuers that the configuration trusts.
//
// Threads: all calls from any thread. Lifetime: issuers, directory and model outlive it. Limits:
// those of Issuers; 200 groups of a token are read; a token may live 24 h. Errors: denied, with the
// codes of ARM's front door.
#pragma once

#include <map>
#include <mutex>

#include "identity/identity.h"
#include "identity/issuers.h"

namespace pinaco::identity {

Result<> check_issuers(const std::vector<TrustedIssuer>& issuers);

class TrustedIssuers {
 public:
  TrustedIssuers(std::vector<TrustedIssuer> trusted, Issuers& issuers, Directory& directory,
                 model::Model& model)
      : trusted_(std::move(trusted)), issuers_(issuers), directory_(directory), model_(model) {}

  // nullopt when the token is of no trusted issuer.
  Result<std::optional<Caller>> find_caller(std::string_view token) const;

 private:
  Result<Principal> principal_of(const TrustedIssuer& trusted, const JsonObject& claims,
                                 const std::string& subject) const;
  std::vector<std::string> groups_of(const std::shared_ptr<const Roster>& everybody,
                                     const TrustedIssuer& trusted, const std::string& tenant,
                                     const JsonObject& claims) const;
  const std::string& tenant_of(const TrustedIssuer& trusted) const {
    return trusted.tenant.empty() ? directory_.first_tenant() : trusted.tenant;
  }

  const std::vector<TrustedIssuer> trusted_;
  Issuers& issuers_;
  Directory& directory_;
  model::Model& model_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Roster> named_of_;
  mutable std::map<std::string, std::string> named_;  // "<tenant>/<group's name>" -> object id
};

}  // namespace pinaco::identity
