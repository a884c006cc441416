// For tests of the sign-in flows: a login surface with an application of each kind and a user, an
// outside issuer without a network, and keys that sign whatever they are told to.
#pragma once

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <map>

#include "base/text.h"
#include "identity/folder_testing.h"
#include "identity/login.h"
#include "identity/tokens.h"

namespace pinaco::identity {

inline std::string b64_of(std::string_view text) {
  return to_base64url(as_bytes(text));
}

// A private key of another party.
class OtherKey {
 public:
  static const OtherKey& rsa(int which = 0) {
    static const OtherKey keys[] = {OtherKey(EVP_RSA_gen(2048)), OtherKey(EVP_RSA_gen(2048))};
    return keys[which];
  }
  static const OtherKey& elliptic() {
    static const OtherKey key(EVP_EC_gen("P-256"));
    return key;
  }
  EVP_PKEY* get() const { return key_.get(); }

  std::string sign(std::string_view algorithm, std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_PKEY_CTX* parameters = nullptr;
    EXPECT_EQ(EVP_DigestSignInit(context.get(), &parameters, EVP_sha256(), nullptr, get()), 1);
    if (algorithm == "PS256") {
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    const auto bytes = as_bytes(text);
    std::size_t size = 0;
    EXPECT_EQ(EVP_DigestSign(context.get(), nullptr, &size, bytes.data(), bytes.size()), 1);
    Bytes out(size);
    EXPECT_EQ(EVP_DigestSign(context.get(), out.data(), &size, bytes.data(), bytes.size()), 1);
    out.resize(size);
    if (EVP_PKEY_is_a(get(), "EC") == 1) out = side_by_side(out);
    return std::string(as_text(out));
  }

  Json jwk(std::string_view kid) const {
    if (EVP_PKEY_is_a(get(), "EC") == 1) {
      return JsonObject{{"kty", "EC"},
                        {"crv", "P-256"},
                        {"kid", kid},
                        {"x", number(OSSL_PKEY_PARAM_EC_PUB_X, 32)},
                        {"y", number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)}};
    }
    return JsonObject{{"kty", "RSA"},
                      {"use", "sig"},
                      {"kid", kid},
                      {"n", number(OSSL_PKEY_PARAM_RSA_N, 256)},
                      {"e", "AQAB"}};
  }

  // A self-signed certificate, valid around `now`.
  Certificate certificate(WallTime now, std::chrono::hours from, std::chrono::hours to) const {
    const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    const auto at = [&](std::chrono::hours by) {
      return static_cast<std::time_t>(
          std::chrono::floor<Seconds>(now + by).time_since_epoch().count());
    };
    ASN1_TIME_set(X509_getm_notBefore(made.get()), at(from));
    ASN1_TIME_set(X509_getm_notAfter(made.get()), at(to));
    X509_set_pubkey(made.get(), get());
    EXPECT_GT(X509_sign(made.get(), get(), EVP_sha256()), 0);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    EXPECT_EQ(PEM_write_bio_X509(bio.get(), made.get()), 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {.key_id = system_random().uuid(),
            .name = "test",
            .pem = std::string(data, static_cast<std::size_t>(size)),
            .thumbprint = to_upper(to_hex(print(made.get(), EVP_sha1()))),
            .start = now + from,
            .end = now + to};
  }
  static Bytes print(const X509* certificate, const EVP_MD* digest) {
    Bytes bytes(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    EXPECT_EQ(X509_digest(certificate, digest, bytes.data(), &size), 1);
    bytes.resize(size);
    return bytes;
  }
  static std::string print_of(const Certificate& certificate, const EVP_MD* digest) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(certificate.pem.data(), -1),
                                                        BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> read(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    return to_base64url(print(read.get(), digest));
  }
  std::string public_pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    EXPECT_EQ(PEM_write_bio_PUBKEY(bio.get(), get()), 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }

 private:
  explicit OtherKey(EVP_PKEY* owned) : key_(owned, EVP_PKEY_free) {}

  std::string number(const char* name, std::size_t size) const {
    BIGNUM* read = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(get(), name, &read), 1);
    Bytes bytes(size);
    EXPECT_GE(BN_bn2binpad(read, bytes.data(), static_cast<int>(size)), 0);
    BN_free(read);
    return to_base64url(bytes);
  }
  static Bytes side_by_side(const Bytes& der) {
    const std::uint8_t* at = der.data();
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    Bytes out(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), out.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), out.data() + 32, 32);
    ECDSA_SIG_free(pair);
    return out;
  }

  std::shared_ptr<EVP_PKEY> key_;
};

inline std::string make_jwt(const JsonObject& header, const JsonObject& claims,
                            const OtherKey& key) {
  const auto part = b64_of(to_text(header)) + "." + b64_of(to_text(claims));
  const Json* alg = header.if_contains("alg");
  return part + "." + b64_of(key.sign(alg == nullptr ? "" : alg->get_string(), part));
}

class SignInTest : public testing::Test {
 protected:
  static constexpr const char* base_url = "https://localhost:18443";
  static constexpr const char* issuer_url = "https://issuer.example";
  static constexpr const char* password = "correct horse";
  static constexpr const char* scope = "https%3A%2F%2Fmanagement.azure.com%2F.default";

  SignInTest() {
    copy_keys_into(folder_.path());
    keys_ = KeyRing::open(folder_.path(), clock_).value();
    directory_ = Directory::open(model_, {}).value();
    first_ = *directory_->first_credentials();
    tenant_ = first_.tenant;
    ann_ = {.object_id = model_.random().uuid(),
            .tenant = tenant_,
            .type = PrincipalType::user,
            .name = "Ann",
            .user_name = "ann@contoso.pinaco",
            .password_hash = password_hash(),
            .password_key = model_.random().uuid()};
    put(ann_);
    login_.emplace(model_, *keys_, *directory_, [this](const std::string& url, Reach reach) {
      reaches_.push_back(reach);
      fetched_.push_back(url);
      const auto found = web_.find(url);
      return found == web_.end() ? Result<std::string>(fail(Kind::unavailable, "down"))
                                 : Result<std::string>(found->second);
    });
  }

  static const std::string& password_hash() {  // slow to make
    static const std::string hash = hash_secret(password, system_random());
    return hash;
  }
  void put(const Principal& principal) {
    ASSERT_TRUE(directory_->edit([&](Edit& edit) { return edit.put(principal); }));
  }
  void put(const Application& application) {
    ASSERT_TRUE(directory_->edit([&](Edit& edit) { return edit.put(application); }));
  }
  // With a service principal in the tenant.
  Application make_application(Application application) {
    application.id = model_.random().uuid();
    application.app_id = model_.random().uuid();
    application.tenant = tenant_;
    application.name = "app";
    put(application);
    put(Principal{.object_id = model_.random().uuid(),
                  .tenant = tenant_,
                  .name = "app",
                  .app_id = application.app_id});
    return application;
  }
  void publish(const JsonArray& keys) {
    const std::string issuer(issuer_url);
    web_[issuer + "/.well-known/openid-configuration"] =
        to_text(JsonObject{{"issuer", issuer}, {"jwks_uri", issuer + "/keys"}});
    web_[issuer + "/keys"] = to_text(JsonObject{{"keys", keys}});
  }
  std::int64_t now(std::int64_t more = 0) const {
    return std::chrono::floor<Seconds>(clock_.now()).time_since_epoch().count() + more;
  }

  http::Reply send(const std::string& method, const std::string& target,
                   const std::string& body = "", const http::Headers& more = {}) {
    http::Request request{
        .method = method, .target = target, .headers = more, .body = body, .peer = peer_};
    if (method == "POST") request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    return login_->answer(request, base_url).value_or(http::Reply{.status = 0});
  }
  std::string token_path() const { return "/" + tenant_ + "/oauth2/v2.0/token"; }
  // The answer of the token endpoint, with its status.
  Json post(const std::string& body) {
    const auto reply = send("POST", token_path(), body);
    status_ = reply.status;
    return parse_json(reply.body).value_or(nullptr);
  }
  // "200", or the refusal as "status error number".
  std::string outcome(const std::string& body) {
    const auto json = post(body);
    if (status_ == 200) return "200";
    return std::to_string(status_) + " " + std::string(string_at(json, "error")) + " " +
           to_text(json.at("error_codes").at(0));
  }
  std::string text_at(const Json& json, const char* name) {
    return std::string(string_at(json, name));
  }
  std::string by_password(const std::string& name, const std::string& shown) {
    return "grant_type=password&client_id=" + std::string(azure_cli) + "&username=" + name +
           "&password=" + percent_encode(shown) + "&scope=" + scope +
           "+openid+profile+offline_access&client_info=1";
  }

  Folder folder_;
  ManualClock clock_;
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, clock_, system_random()};
  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<Directory> directory_;
  std::optional<Login> login_;
  FirstCredentials first_;
  std::string tenant_;
  Principal ann_;
  std::map<std::string, std::string> web_;
  std::vector<std::string> fetched_;
  std::vector<Reach> reaches_;  // of those
  std::string peer_ = "192.0.2.1:1000";
  int status_ = 0;
};

}  // namespace pinaco::identity
