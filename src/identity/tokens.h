// Access tokens: JSON Web Tokens (RFC 7519) signed with RS256 by our own keys, with the claims
// that the clients of Entra ID read.
//
// Only what sign_token() could have written is accepted: one algorithm, one header shape, one
// spelling of base64url, one issuer. Nothing in a token chooses how it is verified but `kid`,
// which is looked up among our own keys; no address in it is ever fetched (RFC 8725).
//
// Pure but for the ring; safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "identity/keys.h"

namespace pinaco::identity {

inline constexpr std::size_t token_bytes_max = 16 << 10;
inline constexpr Seconds token_life{3600};
inline constexpr Seconds clock_skew{300};

struct Claims {
  std::string tenant;
  std::string audience;
  std::string object_id;
  std::string client_id;
  std::string name;
  std::string id;               // of the token, unique
  std::string credential = {};  // key id of the secret, certificate or password it was got with
  bool is_user = false;
  // How the application showed who it is: "0" not at all, "1" by a secret, "2" by a signature.
  // Written for clients, and not read.
  std::string proof = "1";
  WallTime issued = {};   // whole seconds
  WallTime expires = {};  // whole seconds
};

// What tells a client who signed in (OpenID Connect Core 1.0): for its eyes, and no access token.
struct IdClaims {
  std::string issuer;  // as in the discovery document
  std::string client_id;
  std::string tenant;
  std::string object_id;
  std::string user_name;
  std::string name;
  std::string nonce;
  std::string id;
  WallTime issued = {};
  WallTime expires = {};
};

std::string issuer_of(std::string_view tenant);
std::string sign_id_token(const SigningKey& key, const IdClaims& claims);
std::string sign_token(const SigningKey& key, const Claims& claims);
// Whether a token once verified is good now.
Result<> check_times(const Claims& claims, WallTime now);
// All errors are of kind denied, with the code and the text of ARM's front door.
// The caller still asks whether the tenant and the principal are there.
Result<Claims> verify_token(const KeyRing& keys, WallTime now, std::string_view token);

}  // namespace pinaco::identity
