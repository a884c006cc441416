// Client assertions (RFC 7523): what an application without a secret shows. Signed by itself, with
// a registered certificate, or by an outside issuer that one of its federated credentials names
// (workload identity federation).
//
// Threads: all calls from any thread. Lifetime: the Clock and the Issuers outlive it. Limits: an
// assertion may live 24 h, with a skew of 300 s; 10,000 seen ones are remembered until they
// expire. A client library may show one assertion again while it lives (MSAL for Python keeps it
// for ten minutes), so a repetition is accepted from the address that showed it first and from no
// other.
#pragma once

#include <deque>
#include <mutex>
#include <unordered_map>

#include "base/digest.h"
#include "identity/issuers.h"
#include "identity/records.h"
#include "identity/refusal.h"

namespace pinaco::identity {

inline constexpr std::string_view assertion_type =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
inline constexpr std::string_view federated_audience = "api://AzureADTokenExchange";

// Whom an assertion may be meant for: this server, under each of the tenant's names.
struct Meant {
  std::string base_url;              // "https://host:port" as the client used it
  std::vector<std::string> tenants;  // its id and domain, "adfs", ...
};

class Assertions {
 public:
  Assertions(Issuers& issuers, const Clock& clock, std::size_t seen_max = 10'000)
      : issuers_(issuers), clock_(clock), seen_max_(seen_max) {}

  // The id of the certificate or of the federated credential. `peer` is an address without port.
  Answer<std::string> check(const Application& application, const Meant& meant,
                            std::string_view assertion, std::string_view peer);
  std::size_t seen() const;

 private:
  struct Seen {
    std::string peer;
    Digest assertion;
    WallTime expires;
  };
  Answer<std::string> check_own(const Application& application, const Meant& meant, const Jwt& jwt,
                                std::string_view peer);
  Answer<std::string> check_federated(const Application& application, const Jwt& jwt);
  bool first_or_same(const std::string& id, const Jwt& jwt, std::string_view peer);

  Issuers& issuers_;
  const Clock& clock_;
  const std::size_t seen_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Seen> seen_;
  std::deque<std::string> order_;  // oldest first
};

}  // namespace pinaco::identity
