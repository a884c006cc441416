// Sign-ins under way: authorization codes (RFC 6749 section 4.1, with PKCE, RFC 7636) and device
// codes (RFC 8628). They live minutes and stay in memory: after a restart people begin again.
//
// Threads: all calls from any thread. Lifetime: Clock and Random outlive them. Limits: 10,000 of
// each (the oldest make room); a code 5 minutes and one use, a device code 15 minutes.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/digest.h"

namespace pinaco::identity {

inline constexpr std::size_t codes_max = 10'000;
inline constexpr Seconds code_life{300};
inline constexpr Seconds device_code_life{900};

// Who signed in, and in which state of his password.
struct SignedIn {
  std::string user;  // object id
  std::string password_key;
};

struct CodeGrant {
  std::string client;
  std::string redirect_uri;
  std::string challenge;  // base64url of SHA-256 of the verifier
  std::string scope;      // as asked
  std::string resource;   // the same of v1
  std::string nonce;
  SignedIn signed_in;
};

class AuthorizationCodes {
 public:
  AuthorizationCodes(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  std::string add(CodeGrant grant);
  struct Taken {
    std::optional<CodeGrant> grant;  // nothing: unknown, too old or used before
    std::string refresh_token;       // given for it when it was used before: to be revoked
  };
  Taken take(std::string_view code);
  void remember(std::string_view code, std::string refresh_token);

 private:
  struct Entry {
    CodeGrant grant;
    SteadyTime expires;
    bool used = false;
    std::string refresh_token;
  };
  const Clock& clock_;
  Random& random_;
  std::mutex mutex_;
  std::map<Digest, Entry> entries_;
  std::deque<Digest> order_;
};

struct DeviceGrant {
  std::string client;
  std::string scope;     // as asked
  std::string resource;  // the same of v1
};

enum class DeviceState { pending, slow_down, approved, denied, expired, unknown };

class DeviceCodes {
 public:
  static constexpr Seconds interval{5};
  DeviceCodes(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  struct Made {
    std::string device_code;
    std::string user_code;  // "BCDF-GHJK"
  };
  Made add(DeviceGrant grant);
  // By the code that a person typed, in any case and with or without the hyphen.
  std::optional<DeviceGrant> find(std::string_view user_code);
  // Both once: false when the code is gone or answered already.
  bool approve(std::string_view user_code, SignedIn signed_in);
  bool deny(std::string_view user_code);
  struct Polled {
    DeviceState state = DeviceState::unknown;
    DeviceGrant grant;
    SignedIn signed_in;
  };
  Polled poll(std::string_view device_code, std::string_view client);  // approved: only once

 private:
  struct Entry {
    DeviceGrant grant;
    std::string user_code;
    SteadyTime expires;
    std::optional<SteadyTime> polled;
    Seconds wait = interval;
    DeviceState state = DeviceState::pending;
    SignedIn signed_in;
  };
  Entry* find_pending(std::string_view user_code);

  const Clock& clock_;
  Random& random_;
  std::mutex mutex_;
  std::map<Digest, Entry> entries_;           // by device code
  std::map<std::string, Digest> user_codes_;  // without hyphens
  std::deque<Digest> order_;
};

}  // namespace pinaco::identity
