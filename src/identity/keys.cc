#include "identity/keys.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <filesystem>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::identity {
namespace {

constexpr int bits_wanted = 2048;
constexpr std::size_t keys_max = 16;
constexpr std::size_t file_bytes_max = 1 << 20;
constexpr auto rotate_after = std::chrono::days(90);
// A token lives an hour, and clocks may differ by minutes.
constexpr auto retire_after = std::chrono::hours(2);

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using MdContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  BN_free(number);
  return to_base64url(bytes);
}

std::unexpected<Error> bad_file(const std::string& path, std::string_view why) {
  return fail(Kind::corrupt,
              fmt::format("The signing keys in {} cannot be used: {}. Restore the file from a "
                          "backup, or remove it: new keys are made then and everybody logs in "
                          "again.",
                          path, why));
}

}  // namespace

Result<SigningKey> SigningKey::from(EVP_PKEY* owned, WallTime created) {
  SigningKey key;
  key.key_ = std::shared_ptr<EVP_PKEY>(owned, EVP_PKEY_free);
  if (EVP_PKEY_is_a(owned, "RSA") != 1 || EVP_PKEY_get_bits(owned) < bits_wanted) {
    return fail(Kind::invalid, "a signing key must be RSA with at least 2,048 bits");
  }
  key.modulus_ = number_of(owned, OSSL_PKEY_PARAM_RSA_N);
  key.exponent_ = number_of(owned, OSSL_PKEY_PARAM_RSA_E);
  if (key.exponent_ != "AQAB") {
    return fail(Kind::invalid, "a signing key must have the exponent 65537");
  }
  const auto thumbprint =
      fmt::format(R"({{"e":"{}","kty":"RSA","n":"{}"}})", key.exponent_, key.modulus_);
  key.id_ = to_base64url(Digest::of(as_bytes(thumbprint)).bytes);
  key.created_ = created;
  return key;
}

Result<SigningKey> SigningKey::make(WallTime created) {
  EVP_PKEY* made = EVP_RSA_gen(bits_wanted);
  if (made == nullptr) return fail(Kind::unavailable, "A signing key could not be made.");
  return from(made, created);
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem, WallTime created) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  // Without this an encrypted key would ask for its password on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* read = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr);
  if (read == nullptr) return fail(Kind::invalid, "a key is not a private key in PEM form");
  return from(read, created);
}

std::string SigningKey::sign(std::string_view text) const {
  const MdContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const auto bytes = as_bytes(text);
  std::size_t size = 0;
  CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
  CHECK(EVP_DigestSign(context.get(), nullptr, &size, bytes.data(), bytes.size()) == 1);
  std::string signature(size, '\0');
  CHECK(EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(signature.data()), &size,
                       bytes.data(), bytes.size()) == 1);
  signature.resize(size);
  return signature;
}

bool SigningKey::verify(std::string_view text, ByteView signature) const {
  if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()))) return false;
  const MdContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const auto bytes = as_bytes(text);
  CHECK(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes.data(),
                          bytes.size()) == 1;
}

std::string SigningKey::private_pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()), BIO_free);
  CHECK(PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
        1);
  return text_of(bio.get());
}

std::string SigningKey::public_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  CHECK(PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1);
  return text_of(bio.get());
}

Bytes SigningKey::public_der() const {
  std::uint8_t* data = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &data);
  CHECK(size > 0);
  Bytes der(data, data + size);
  OPENSSL_free(data);
  return der;
}

Result<std::unique_ptr<KeyRing>> KeyRing::open(const std::string& folder, Clock& clock) {
  TRY(os::make_folders(folder));
  std::unique_ptr<KeyRing> ring(new KeyRing(folder + "/" + std::string(file_name), clock));
  if (TRY(os::exists(ring->path_))) {
    TRY(ring->load());
  } else {
    TRY(ring->rotate());
  }
  return ring;
}

Result<> KeyRing::load() {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto mode = fs::status(path_, error).permissions();
  if (!error && (mode & (fs::perms::group_all | fs::perms::others_all)) != fs::perms::none) {
    return fail(Kind::denied,
                fmt::format("The signing keys in {0} are open to other users of this machine. Run "
                            "'chmod 600 {0}', and if others may have read them remove the file: "
                            "new keys are made then and everybody logs in again.",
                            path_));
  }
  const auto text = TRY(os::read_file(path_, file_bytes_max));
  const auto json = parse_json(text);
  if (!json) return bad_file(path_, json.error().message);
  const Json* list = find_path(*json, "keys");
  if (list == nullptr || !list->is_array() || list->get_array().empty() ||
      list->get_array().size() > keys_max) {
    return bad_file(path_, "it does not hold between 1 and 16 keys");
  }
  Keys keys;
  for (const Json& entry : list->get_array()) {
    const WallTime created(std::chrono::microseconds(int_at(entry, "created")));
    auto key = SigningKey::from_pem(string_at(entry, "pem"), created);
    if (!key) return bad_file(path_, key.error().message);
    keys.push_back(std::make_shared<const SigningKey>(std::move(*key)));
  }
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  return {};
}

Result<> KeyRing::save(const Keys& keys) const {
  JsonArray list;
  for (const auto& key : keys) {
    list.push_back(JsonObject{{"kid", key->id()},
                              {"created", key->created().time_since_epoch().count()},
                              {"pem", key->private_pem()}});
  }
  return os::write_file_durably(path_, as_bytes(to_pretty(JsonObject{{"keys", std::move(list)}})));
}

KeyRing::Keys KeyRing::keys() const {
  const auto now = clock_.now();
  Keys useful;
  const std::lock_guard lock(mutex_);
  // A key is needed until the last token it signed has expired; it signed until its successor,
  // the one before it in the list, was made.
  for (std::size_t i = 0; i < keys_.size(); i++) {
    if (i == 0 || now - keys_[i - 1]->created() < retire_after) useful.push_back(keys_[i]);
  }
  return useful;
}

Result<> KeyRing::rotate() {
  const std::lock_guard rotating(rotating_);
  const auto now = clock_.now();
  Keys keys = { std::make_shared<const SigningKey>(TRY(SigningKey::make(now))) };
  for (const auto& old : this->keys()) {
    if (keys.size() < keys_max) keys.push_back(old);
  }
  // In the file before in use: a token must not be signed by a key that a crash forgets.
  TRY(save(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  return {};
}

std::shared_ptr<const SigningKey> KeyRing::newest() {
  auto first = keys().front();
  if (clock_.now() - first->created() < rotate_after) return first;
  if (const auto done = rotate(); !done) {
    LOG(error, "identity", "the signing key is due to be replaced: {}", done.error().message);
  }
  return keys().front();
}

std::shared_ptr<const SigningKey> KeyRing::find(std::string_view id) const {
  for (const auto& key : keys()) {
    if (key->id() == id) return key;
  }
  return nullptr;
}

Json KeyRing::key_set() const {
  JsonArray list;
  for (const auto& key : keys()) {
    list.push_back(JsonObject{{"kty", "RSA"},
                              {"use", "sig"},
                              {"alg", "RS256"},
                              {"kid", key->id()},
                              {"n", key->modulus()},
                              {"e", key->exponent()}});
  }
  return JsonObject{{"keys", std::move(list)}};
}

}  // namespace pinaco::identity
