// For tests of tokens: good ones, and the means to bend them.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "base/text.h"
#include "identity/folder_testing.h"
#include "identity/tokens.h"

namespace pinaco::identity {

inline constexpr const char* tenant = "1b4a7c2e-0d3f-4e5a-9b8c-7d6e5f4a3b2c";
inline constexpr const char* other_tenant = "99999999-0d3f-4e5a-9b8c-7d6e5f4a3b2c";

inline std::string b64(std::string_view text) {
  return to_base64url(as_bytes(text));
}

class TokensTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder;
    clock_ = new ManualClock;
    copy_keys_into(folder_->path());
    ring_ = KeyRing::open(folder_->path(), *clock_).value().release();
  }
  static void TearDownTestSuite() {
    delete ring_;
    delete clock_;
    delete folder_;
  }

  static Claims good() {
    const auto now = std::chrono::floor<Seconds>(clock_->now());
    return {.tenant = tenant,
            .audience = "https://localhost:18443",
            .object_id = "b0000000-0000-4000-8000-000000000001",
            .client_id = "a0000000-0000-4000-8000-000000000001",
            .name = "administrator",
            .id = "c0000000-0000-4000-8000-000000000001",
            .credential = "d0000000-0000-4000-8000-000000000001",
            .issued = now,
            .expires = now + token_life};
  }
  static Result<Claims> verify(std::string_view token) {
    return verify_token(*ring_, clock_->now(), token);
  }
  static std::string code(std::string_view token) {
    const auto claims = verify(token);
    return claims ? "accepted" : claims.error().code;
  }

  // The parts of a good token, to be bent.
  static JsonObject header() {
    return {{"typ", "JWT"}, {"alg", "RS256"}, {"kid", ring_->newest()->id()}};
  }
  static std::string payload() {
    const std::string token = sign_token(*ring_->newest(), good());
    return std::string(as_text(*from_base64url(split(token, '.')[1])));
  }
  // Signed with our real key, whatever it says.
  static std::string sign(std::string_view header_text, std::string_view payload_text) {
    const std::string part = b64(header_text) + "." + b64(payload_text);
    return part + "." + b64(ring_->newest()->sign(part));
  }
  template <typename T>
  static std::string sign_header(std::string_view member, const T& value) {
    auto bent = header();
    bent[member] = value;
    return sign(to_text(bent), payload());
  }
  template <typename T>
  static std::string sign_claim(std::string_view member, const T& value) {
    auto bent = parse_json(payload())->get_object();
    bent[member] = value;
    return sign(to_text(header()), to_text(bent));
  }
  static std::string sign_without(std::string_view member) {
    auto bent = parse_json(payload())->get_object();
    bent.erase(member);
    return sign(to_text(header()), to_text(bent));
  }

  static inline Folder* folder_ = nullptr;
  static inline ManualClock* clock_ = nullptr;
  static inline KeyRing* ring_ = nullptr;
};

}  // namespace pinaco::identity
