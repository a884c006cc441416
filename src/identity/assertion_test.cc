// Applications that log in with a certificate: what MSAL sends, and what forgers would.
#include "identity/assertion.h"

#include <openssl/hmac.h>

#include "identity/sign_in_testing.h"

namespace pinaco::identity {
namespace {

using std::chrono::hours;

class AssertionTest : public SignInTest {
 protected:
  AssertionTest() {
    certificate_ = OtherKey::rsa().certificate(clock_.now(), hours(-1), hours(48));
    application_ = make_application({.certificates = {certificate_}});
  }

  JsonObject header(const char* alg = "RS256") const {
    return {{"alg", alg}, {"typ", "JWT"}, {"x5t", OtherKey::print_of(certificate_, EVP_sha1())}};
  }
  JsonObject claims() const {
    return {{"aud", base_url + token_path()},
            {"iss", application_.app_id},
            {"sub", application_.app_id},
            {"jti", system_random().uuid()},
            {"exp", now(600)},
            {"nbf", now()}};
  }
  std::string body(const std::string& assertion) const {
    return "grant_type=client_credentials&client_id=" + application_.app_id + "&scope=" + scope +
           "&client_assertion_type=" + percent_encode(assertion_type) +
           "&client_assertion=" + assertion;
  }
  std::string show(const JsonObject& head, const JsonObject& payload,
                   const OtherKey& key = OtherKey::rsa()) {
    return outcome(body(make_jwt(head, payload, key)));
  }
  template <typename T>
  std::string with(const char* name, const T& value) {
    auto bent = claims();
    bent[name] = value;
    return show(header(), bent);
  }
  std::string without(const char* name) {
    auto bent = claims();
    bent.erase(name);
    return show(header(), bent);
  }

  Certificate certificate_;
  Application application_;
};

TEST_F(AssertionTest, LogsInAsMsalDoes) {
  for (const char* alg : {"RS256", "PS256"}) {
    EXPECT_EQ(show(header(alg), claims()), "200") << alg;
    auto longer = header(alg);
    longer.erase("x5t");
    longer["x5t#S256"] = OtherKey::print_of(certificate_, EVP_sha256());
    EXPECT_EQ(show(longer, claims()), "200") << alg;
  }
  const auto answer = post(body(make_jwt(header(), claims(), OtherKey::rsa())));
  const auto read = verify_token(*keys_, clock_.now(), string_at(answer, "access_token"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->credential, certificate_.key_id);
  EXPECT_EQ(read->client_id, application_.app_id);
}

TEST_F(AssertionTest, MsalForPythonWritesFractionsAndPadsTheThumbprint) {
  EXPECT_EQ(with("exp", static_cast<double>(now(600)) + 0.5), "200");
  EXPECT_EQ(with("exp", static_cast<double>(now(-301)) - 0.5), "401 invalid_client 700024");
  EXPECT_EQ(with("exp", 1e300), "401 invalid_client 700024");
  EXPECT_EQ(with("exp", -1.5), "401 invalid_client 700024");
  auto padded = header();
  padded["x5t"] = OtherKey::print_of(certificate_, EVP_sha1()) + "=";
  EXPECT_EQ(show(padded, claims()), "200");
}

TEST_F(AssertionTest, TakesEachFormOfItsTokenEndpointAndNoOther) {
  const std::string base(base_url);
  for (const std::string& good :
       {base + "/adfs/oauth2/token", base + "/" + tenant_ + "/oauth2/token",
        base + "/" + tenant_ + "/v2.0", base + "/" + to_upper(tenant_) + "/oauth2/v2.0/token"}) {
    EXPECT_EQ(with("aud", good), "200") << good;
  }
  for (const std::string& bad :
       {std::string("https://other:18443/adfs/oauth2/token"), base, base + "/",
        std::string("https://localhost/adfs/oauth2/token"), base + "/adfs/oauth2/authorize",
        base + "/" + system_random().uuid() + "/oauth2/v2.0/token",
        base + ".evil/adfs/oauth2/token", std::string()}) {
    EXPECT_EQ(with("aud", bad), "401 invalid_client 700023") << bad;
  }
  EXPECT_EQ(without("aud"), "401 invalid_client 700023");
}

TEST_F(AssertionTest, AnotherServersAssertionIsRefusedWhateverTheHostHeaderSays) {
  login_->desk().hosts = {"images.example"};
  EXPECT_EQ(show(header(), claims()), "401 invalid_client 700023");
  login_->desk().hosts = {"images.example", "LOCALHOST"};
  EXPECT_EQ(show(header(), claims()), "200");
}

TEST_F(AssertionTest, RefusesEveryForgedAlgorithm) {
  const std::string pem = OtherKey::rsa().public_pem();
  const auto hmac = [&](std::string_view key, const char* alg) {
    const auto part = b64_of(to_text(header(alg))) + "." + b64_of(to_text(claims()));
    std::uint8_t out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(part).data(), part.size(),
         out, &size);
    return part + "." + to_base64url({out, size});
  };
  for (const char* alg : {"HS256", "RS256", "PS256", "none"}) {
    for (const std::string& key : {std::string(), pem, certificate_.pem}) {
      EXPECT_EQ(outcome(body(hmac(key, alg))), "401 invalid_client 700027") << alg;
    }
  }
  for (const char* alg : {"none", "None", "", "rs256", "RS384", "HS256", "ES256"}) {
    const auto part = b64_of(to_text(header(alg))) + "." + b64_of(to_text(claims()));
    EXPECT_EQ(outcome(body(part + ".")), "401 invalid_client 700027") << alg;
    EXPECT_EQ(outcome(body(part + "." + b64_of(OtherKey::rsa().sign("RS256", part)))),
              "401 invalid_client 700027")
        << alg;
  }
  // A signature of one kind under the name of the other.
  for (const auto& [said, done] : {std::pair{"RS256", "PS256"}, std::pair{"PS256", "RS256"}}) {
    const auto part = b64_of(to_text(header(said))) + "." + b64_of(to_text(claims()));
    EXPECT_EQ(outcome(body(part + "." + b64_of(OtherKey::rsa().sign(done, part)))),
              "401 invalid_client 700027");
  }
}

TEST_F(AssertionTest, RefusesAKeyThatTheHeaderBrings) {
  auto bent = header();
  bent["jwk"] = OtherKey::rsa(1).jwk("x");
  bent["jku"] = "https://evil.example/keys";
  EXPECT_EQ(show(bent, claims(), OtherKey::rsa(1)), "401 invalid_client 700027");
  EXPECT_TRUE(fetched_.empty());
  bent = header();
  bent["crit"] = JsonArray{"exp"};
  EXPECT_EQ(show(bent, claims()), "401 invalid_client 50027");
}

TEST_F(AssertionTest, RefusesASwappedCertificate) {
  const auto other = OtherKey::rsa(1).certificate(clock_.now(), hours(-1), hours(48));
  auto bent = header();
  bent["x5t"] = OtherKey::print_of(other, EVP_sha1());
  EXPECT_EQ(show(bent, claims()), "401 invalid_client 700027");
  EXPECT_EQ(show(bent, claims(), OtherKey::rsa(1)), "401 invalid_client 700027");
  EXPECT_EQ(show(header(), claims(), OtherKey::rsa(1)), "401 invalid_client 700027");
  bent = header();
  bent["x5t#S256"] = OtherKey::print_of(other, EVP_sha256());
  EXPECT_EQ(show(bent, claims()), "401 invalid_client 700027");
  bent.erase("x5t");
  bent.erase("x5t#S256");
  EXPECT_EQ(show(bent, claims()), "401 invalid_client 700027");
}

TEST_F(AssertionTest, RefusesWhatIsNotSaidByTheClientItself) {
  EXPECT_EQ(with("iss", first_.client_id), "401 invalid_client 700021");
  EXPECT_EQ(with("sub", first_.client_id), "401 invalid_client 700021");
  EXPECT_EQ(without("iss"), "401 invalid_client 700021");
  EXPECT_EQ(without("sub"), "401 invalid_client 700021");
  // Another application's certificate does not speak for this one.
  const auto other = make_application(
      {.certificates = {OtherKey::rsa(1).certificate(clock_.now(), hours(-1), hours(48))}});
  auto head = header();
  head["x5t"] = OtherKey::print_of(other.certificates[0], EVP_sha1());
  EXPECT_EQ(show(head, claims(), OtherKey::rsa(1)), "401 invalid_client 700027");
}

TEST_F(AssertionTest, RefusesWhatIsNotValidNow) {
  EXPECT_EQ(with("exp", now(-299)), "200");
  EXPECT_EQ(with("exp", now(-301)), "401 invalid_client 700024");
  EXPECT_EQ(with("nbf", now(299)), "200");
  EXPECT_EQ(with("nbf", now(301)), "401 invalid_client 700024");
  EXPECT_EQ(with("exp", now(24 * 3600)), "200");
  EXPECT_EQ(with("exp", now(25 * 3600)), "401 invalid_client 700024");
  EXPECT_EQ(without("exp"), "401 invalid_client 700024");
  EXPECT_EQ(with("exp", "never"), "401 invalid_client 700024");
  EXPECT_EQ(with("nbf", "never"), "401 invalid_client 700024");
}

TEST_F(AssertionTest, RefusesAnExpiredCertificate) {
  clock_.advance(hours(49));
  EXPECT_EQ(show(header(), claims()), "401 invalid_client 1000502");
  clock_.advance(-hours(51));
  EXPECT_EQ(show(header(), claims()), "401 invalid_client 1000502");
  // The certificate's own dates count, whatever the record says.
  clock_.advance(hours(51));
  application_.certificates[0].end = clock_.now() + hours(1000);
  put(application_);
  EXPECT_EQ(show(header(), claims()), "401 invalid_client 1000502");
}

TEST_F(AssertionTest, ACopiedAssertionIsOfNoUseElsewhere) {
  const auto assertion = make_jwt(header(), claims(), OtherKey::rsa());
  EXPECT_EQ(outcome(body(assertion)), "200");
  EXPECT_EQ(outcome(body(assertion)), "200");  // MSAL for Python keeps one for ten minutes
  peer_ = "192.0.2.1:2000";
  EXPECT_EQ(outcome(body(assertion)), "200");
  peer_ = "192.0.2.2:1000";
  EXPECT_EQ(outcome(body(assertion)), "401 invalid_client 700025");
}

TEST_F(AssertionTest, OneIdIsForOneAssertion) {
  auto payload = claims();
  EXPECT_EQ(show(header(), payload), "200");
  payload["exp"] = now(500);
  EXPECT_EQ(show(header(), payload), "401 invalid_client 700025");
}

TEST_F(AssertionTest, RemembersABoundedNumber) {
  Assertions assertions(login_->desk().issuers, clock_, 5);
  const Meant meant = {.base_url = base_url, .tenants = {tenant_}};
  for (int i = 0; i < 20; i++) {
    EXPECT_TRUE(assertions.check(application_, meant, make_jwt(header(), claims(), OtherKey::rsa()),
                                 "192.0.2.1"));
  }
  EXPECT_EQ(assertions.seen(), 5U);
  clock_.advance(hours(1));
  EXPECT_TRUE(assertions.check(application_, meant, make_jwt(header(), claims(), OtherKey::rsa()),
                               "192.0.2.1"));
  EXPECT_EQ(assertions.seen(), 1U);
}

TEST_F(AssertionTest, ARemovedCertificateIsRefusedAtOnce) {
  EXPECT_EQ(show(header(), claims()), "200");
  application_.certificates.clear();
  application_.secrets = {{.key_id = "x", .hint = "x", .hash = "x"}};
  put(application_);
  EXPECT_EQ(show(header(), claims()), "401 invalid_client 700027");
}

TEST_F(AssertionTest, ASecretAndAnAssertionTogetherAreRefused) {
  const auto assertion = make_jwt(header(), claims(), OtherKey::rsa());
  EXPECT_EQ(outcome(body(assertion) + "&client_secret=x"), "400 invalid_request 90013");
}

}  // namespace
}  // namespace pinaco::identity
