// The keys that sign our tokens: RSA with SHA-256 (RS256, RFC 7518), 2,048 bits, in one private
// file. The newest signs; those before it verify until no token of theirs can be alive.
//
// Threads: all calls from any thread. Lifetime: the Clock outlives the ring. Limits: 16 keys.
// Errors: corrupt or denied when the file is not fit for use; those of files.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace pinaco::identity {

// Immutable. `modulus` and `exponent` are base64url, as in a JSON Web Key.
class SigningKey {
 public:
  static Result<SigningKey> make(WallTime created);
  static Result<SigningKey> from_pem(std::string_view pem, WallTime created);

  std::string sign(std::string_view text) const;
  bool verify(std::string_view text, ByteView signature) const;

  const std::string& id() const { return id_; }  // RFC 7638 thumbprint
  WallTime created() const { return created_; }
  const std::string& modulus() const { return modulus_; }
  const std::string& exponent() const { return exponent_; }
  std::string private_pem() const;
  std::string public_pem() const;
  Bytes public_der() const;

 private:
  SigningKey() = default;
  static Result<SigningKey> from(EVP_PKEY* owned, WallTime created);

  std::shared_ptr<EVP_PKEY> key_;
  std::string id_;
  WallTime created_;
  std::string modulus_;
  std::string exponent_;
};

class KeyRing {
 public:
  static constexpr std::string_view file_name = "signing-keys.json";

  // Makes the folder, the file and a first key when they are not there.
  static Result<std::unique_ptr<KeyRing>> open(const std::string& folder, Clock& clock);

  // Made anew every 90 days; when that fails the old one stays.
  std::shared_ptr<const SigningKey> newest();
  std::shared_ptr<const SigningKey> find(std::string_view id) const;  // nullptr when unknown
  Result<> rotate();
  Json key_set() const;  // RFC 7517, public halves only

 private:
  using Keys = std::vector<std::shared_ptr<const SigningKey>>;  // newest first

  KeyRing(std::string path, Clock& clock) : path_(std::move(path)), clock_(clock) {}
  Result<> load();
  Result<> save(const Keys& keys) const;
  Keys keys() const;  // without those retired

  const std::string path_;
  Clock& clock_;
  std::mutex rotating_;  // held while a key is made; taken before mutex_
  mutable std::mutex mutex_;
  Keys keys_;
};

}  // namespace pinaco::identity
