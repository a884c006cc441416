// Signed tokens that others made (RFC 7515, RFC 7519), and the public keys that verify them.
//
// A key says how it verifies, never the token: an RSA key takes RS256 and PS256, a P-256 key takes
// ES256, and nothing takes "none" or an HMAC. Members of a header that name keys or addresses
// ("jwk", "jku", "x5c", "x5u") are not read; a "crit" or "b64" is refused (RFC 8725).
//
// Pure; values are safe from any thread. Limits: a token of 16 KiB; RSA of 2,048 to 8,192 bits.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

namespace pinaco::identity {

struct Jwt {
  JsonObject header;
  JsonObject claims;
  std::string signed_part;
  Bytes signature;
};

// nullopt when it is not three parts of strict base64url with objects in the first two.
std::optional<Jwt> parse_jwt(std::string_view token);
std::optional<JsonObject> decode_object(std::string_view base64url);
// Exact spelling only: "Alg" is not "alg". Empty texts and times beyond year 9999 are none.
std::optional<std::string> text_claim(const JsonObject& object, std::string_view name);
std::optional<WallTime> time_claim(const JsonObject& object, std::string_view name);
// The same, and a fraction is cut off: RFC 7519 allows one and MSAL for Python writes it.
std::optional<WallTime> date_claim(const JsonObject& object, std::string_view name);
// A text, or a list of texts ("aud", "groups"): at most `texts_max` of them.
std::vector<std::string> texts_claim(const JsonObject& object, std::string_view name,
                                     std::size_t texts_max);

// "exp" must be there and not past, "nbf" and "iat" not in the future, each within the skew; and
// it may not live longer than life_max from its "nbf" or "iat" (or from now, when it has neither).
bool lives_now(const JsonObject& claims, WallTime now, Seconds skew, Seconds life_max);

class VerifyKey {
 public:
  static std::optional<VerifyKey> from_jwk(const JsonObject& jwk);      // RSA and P-256
  static std::optional<VerifyKey> from_certificate(X509* certificate);  // RSA
  bool verify(std::string_view algorithm, std::string_view text, ByteView signature) const;

 private:
  VerifyKey(EVP_PKEY* owned, bool elliptic) : key_(owned, EVP_PKEY_free), elliptic_(elliptic) {}
  static std::optional<VerifyKey> from(EVP_PKEY* owned);

  std::shared_ptr<EVP_PKEY> key_;
  bool elliptic_ = false;
  std::string only_ = {};  // the one algorithm that its JWK names
};

inline bool verify(const VerifyKey& key, const Jwt& jwt) {
  return key.verify(text_claim(jwt.header, "alg").value_or(""), jwt.signed_part, jwt.signature);
}

}  // namespace pinaco::identity
