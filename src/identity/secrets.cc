#include "identity/secrets.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>

#include "base/text.h"

namespace pinaco::identity {
namespace {

struct Cost {
  std::uint32_t log_n = 14;
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;

Bytes scrypt(std::string_view secret, ByteView salt, const Cost& cost) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "SCRYPT", nullptr), EVP_KDF_free);
  CHECK(kdf != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  std::uint64_t n = std::uint64_t{1} << cost.log_n;
  std::uint32_t r = cost.r;
  std::uint32_t p = cost.p;
  std::uint64_t memory_max = 128ULL << 20;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, const_cast<char*>(secret.data()),
                                        secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<std::uint8_t*>(salt.data()),
                                        salt.size()),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory_max),
      OSSL_PARAM_construct_end(),
  };
  Bytes hash(hash_bytes);
  CHECK(context != nullptr &&
        EVP_KDF_derive(context.get(), hash.data(), hash.size(), parameters) == 1);
  return hash;
}

// "ln=14,r=8,p=1"; bounded, so that a damaged row cannot ask for gigabytes.
std::optional<Cost> parse_cost(std::string_view text) {
  const auto parts = split(text, ',');
  if (parts.size() != 3 || !parts[0].starts_with("ln=") || !parts[1].starts_with("r=") ||
      !parts[2].starts_with("p=")) {
    return std::nullopt;
  }
  const auto log_n = parse_int(parts[0].substr(3), 10, 16);
  const auto r = parse_int(parts[1].substr(2), 1, 8);
  const auto p = parse_int(parts[2].substr(2), 1, 4);
  if (!log_n || !r || !p) return std::nullopt;
  return Cost{static_cast<std::uint32_t>(*log_n), static_cast<std::uint32_t>(*r),
              static_cast<std::uint32_t>(*p)};
}

}  // namespace

std::string make_secret(Random& random) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string secret;
  for (int i = 0; i < 40; i++) secret += letters[random.below(letters.size())];
  return secret;
}

std::string hash_secret(std::string_view secret, Random& random) {
  Bytes salt(salt_bytes);
  random.fill(salt);
  const Cost cost;
  return fmt::format("$scrypt$ln={},r={},p={}${}${}", cost.log_n, cost.r, cost.p,
                     to_base64url(salt), to_base64url(scrypt(secret, salt, cost)));
}

Result<bool> matches_secret(std::string_view secret, std::string_view hash) {
  const auto parts = split(hash, '$');
  const auto bad = [] {
    return fail(Kind::corrupt, "A stored secret is not in a form that this program writes.");
  };
  if (parts.size() != 5 || !parts[0].empty() || parts[1] != "scrypt") return bad();
  const auto cost = parse_cost(parts[2]);
  const auto salt = from_base64url(parts[3]);
  const auto stored = from_base64url(parts[4]);
  if (!cost || !salt || salt->size() != salt_bytes || !stored || stored->size() != hash_bytes) {
    return bad();
  }
  if (secret.empty() || secret.size() > secret_bytes_max) return false;
  // HMAC pads its key with zero bytes, so "x" and "x\0" have the same hash.
  if (secret.find('\0') != std::string_view::npos) return false;
  return constant_time_equal(as_text(scrypt(secret, *salt, *cost)), as_text(*stored));
}

Result<Gate::Pass> Gate::enter() {
  std::unique_lock lock(mutex_);
  if (inside_ >= inside_max_) {
    if (waiting_ >= waiting_max_) {
      return fail(Kind::busy, "Too many logins at once. Try again in a second.");
    }
    ++waiting_;
    left_.wait(lock, [&] { return inside_ < inside_max_; });
    --waiting_;
  }
  ++inside_;
  return Pass(*this);
}

void Gate::leave() {
  {
    const std::lock_guard lock(mutex_);
    --inside_;
  }
  left_.notify_one();
}

}  // namespace pinaco::identity
