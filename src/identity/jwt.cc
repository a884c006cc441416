#include "identity/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/text.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

constexpr std::int64_t year_10000 = 253'402'300'800;
constexpr int rsa_bits_min = 2048;
constexpr int rsa_bits_max = 8192;
constexpr std::size_t coordinate_bytes = 32;  // of P-256

using MdContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

std::optional<Bytes> bytes_at(const JsonObject& jwk, std::string_view name) {
  const auto text = text_claim(jwk, name);
  return text ? from_base64url(*text) : std::nullopt;
}

Number number_of(ByteView bytes) {
  return {BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr), BN_free};
}

EVP_PKEY* make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
      OSSL_PARAM_BLD_to_param(builder), OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return key;
}

EVP_PKEY* rsa_key(const JsonObject& jwk) {
  const auto modulus = bytes_at(jwk, "n");
  const auto exponent = bytes_at(jwk, "e");
  if (!modulus || !exponent || modulus->size() > rsa_bits_max / 8 || exponent->size() > 4 ||
      exponent->empty()) {
    return nullptr;
  }
  const auto n = number_of(*modulus);
  const auto e = number_of(*exponent);
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1) return nullptr;
  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(
      OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return make_key("RSA", builder.get());
}

EVP_PKEY* p256_key(const JsonObject& jwk) {
  const auto x = bytes_at(jwk, "x");
  const auto y = bytes_at(jwk, "y");
  if (text_claim(jwk, "crv") != "P-256" || !x || x->size() != coordinate_bytes || !y ||
      y->size() != coordinate_bytes) {
    return nullptr;
  }
  Bytes point{4};
  append(point, *x);
  append(point, *y);
  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(
      OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return make_key("EC", builder.get());
}

// JOSE writes r and s side by side, OpenSSL wants them in DER.
Bytes der_of(ByteView signature) {
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
  auto r = number_of(signature.first(coordinate_bytes));
  auto s = number_of(signature.subspan(coordinate_bytes));
  CHECK(pair != nullptr && ECDSA_SIG_set0(pair.get(), r.release(), s.release()) == 1);
  std::uint8_t* data = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &data);
  CHECK(size > 0);
  Bytes der(data, data + size);
  OPENSSL_free(data);
  return der;
}

}  // namespace

std::optional<JsonObject> decode_object(std::string_view base64url) {
  const auto bytes = from_base64url(base64url);
  if (!bytes) return std::nullopt;
  auto json = parse_json(as_text(*bytes));
  if (!json || !json->is_object()) return std::nullopt;
  return std::move(json->get_object());
}

std::optional<Jwt> parse_jwt(std::string_view token) {
  if (token.size() > token_bytes_max) return std::nullopt;
  const auto parts = split(token, '.');
  if (parts.size() != 3) return std::nullopt;
  auto header = decode_object(parts[0]);
  auto claims = decode_object(parts[1]);
  auto signature = from_base64url(parts[2]);
  if (!header || !claims || !signature) return std::nullopt;
  if (header->contains("crit") || header->contains("b64")) return std::nullopt;
  return Jwt{.header = std::move(*header),
             .claims = std::move(*claims),
             .signed_part = std::string(token.substr(0, parts[0].size() + 1 + parts[1].size())),
             .signature = std::move(*signature)};
}

std::optional<std::string> text_claim(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  if (found == nullptr || !found->is_string() || found->get_string().empty()) return std::nullopt;
  return std::string(found->get_string());
}

std::optional<WallTime> time_claim(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  if (found == nullptr || !found->is_int64()) return std::nullopt;
  const std::int64_t value = found->get_int64();
  if (value < 0 || value >= year_10000) return std::nullopt;
  return WallTime(Seconds(value));
}

std::optional<WallTime> date_claim(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  if (found == nullptr || !found->is_double()) return time_claim(object, name);
  const double value = found->get_double();
  if (!(value >= 0 && value < static_cast<double>(year_10000))) return std::nullopt;
  return WallTime(Seconds(static_cast<std::int64_t>(value)));
}

std::vector<std::string> texts_claim(const JsonObject& object, std::string_view name,
                                     std::size_t texts_max) {
  std::vector<std::string> texts;
  const Json* found = object.if_contains(name);
  if (found == nullptr) return texts;
  if (found->is_string()) texts.emplace_back(found->get_string());
  if (!found->is_array()) return texts;
  for (const Json& each : found->get_array()) {
    if (texts.size() >= texts_max) break;
    if (each.is_string()) texts.emplace_back(each.get_string());
  }
  return texts;
}

bool lives_now(const JsonObject& claims, WallTime now, Seconds skew, Seconds life_max) {
  const auto expires = date_claim(claims, "exp");
  if (!expires || now > *expires + skew) return false;
  WallTime from = now;
  for (const char* name : {"iat", "nbf"}) {
    if (!claims.contains(name)) continue;
    const auto start = date_claim(claims, name);
    if (!start || *start > now + skew) return false;
    from = *start;
  }
  return *expires <= from + life_max + skew;
}

std::optional<VerifyKey> VerifyKey::from(EVP_PKEY* owned) {
  if (owned == nullptr) return std::nullopt;
  VerifyKey key(owned, EVP_PKEY_is_a(owned, "EC") == 1);
  const int bits = EVP_PKEY_get_bits(owned);
  if (!key.elliptic_ &&
      (EVP_PKEY_is_a(owned, "RSA") != 1 || bits < rsa_bits_min || bits > rsa_bits_max)) {
    return std::nullopt;
  }
  return key;
}

std::optional<VerifyKey> VerifyKey::from_jwk(const JsonObject& jwk) {
  const auto type = text_claim(jwk, "kty");
  if (text_claim(jwk, "use").value_or("sig") != "sig") return std::nullopt;
  auto key = from(type == "RSA" ? rsa_key(jwk) : type == "EC" ? p256_key(jwk) : nullptr);
  if (key) key->only_ = text_claim(jwk, "alg").value_or("");
  return key;
}

std::optional<VerifyKey> VerifyKey::from_certificate(X509* certificate) {
  auto key = from(X509_get_pubkey(certificate));
  if (key && key->elliptic_) return std::nullopt;
  return key;
}

bool VerifyKey::verify(std::string_view algorithm, std::string_view text,
                       ByteView signature) const {
  if (!only_.empty() && algorithm != only_) return false;
  const bool pss = algorithm == "PS256";
  if (elliptic_ ? algorithm != "ES256" : algorithm != "RS256" && !pss) return false;
  Bytes der;
  if (elliptic_) {
    if (signature.size() != 2 * coordinate_bytes) return false;
    der = der_of(signature);
    signature = der;
  } else if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()))) {
    return false;
  }
  const MdContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* parameters = nullptr;
  if (EVP_DigestVerifyInit(context.get(), &parameters, EVP_sha256(), nullptr, key_.get()) != 1) {
    return false;
  }
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, EVP_sha256()) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  const auto bytes = as_bytes(text);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes.data(),
                          bytes.size()) == 1;
}

}  // namespace pinaco::identity
