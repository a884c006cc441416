// Workloads of outside issuers, and how their keys are fetched.
#include "identity/sign_in_testing.h"

namespace pinaco::identity {
namespace {

using std::chrono::hours;

class FederationTest : public SignInTest {
 protected:
  FederationTest() {
    application_ = make_application(
        {.federated = {{.id = "f", .name = "ci", .issuer = issuer_url, .subject = "repo:a/b"}}});
    publish({OtherKey::rsa().jwk("k"), OtherKey::elliptic().jwk("e")});
  }

  JsonObject claims() const {
    return {{"iss", issuer_url},
            {"sub", "repo:a/b"},
            {"aud", federated_audience},
            {"iat", now()},
            {"exp", now(600)}};
  }
  std::string show(const JsonObject& header, const JsonObject& payload, const OtherKey& key) {
    return outcome("grant_type=client_credentials&client_id=" + application_.app_id +
                   "&scope=" + scope + "&client_assertion_type=" + percent_encode(assertion_type) +
                   "&client_assertion=" + make_jwt(header, payload, key));
  }
  std::string show(const JsonObject& payload) {
    return show({{"alg", "RS256"}, {"kid", "k"}}, payload, OtherKey::rsa());
  }
  template <typename T>
  std::string with(const char* name, const T& value) {
    auto bent = claims();
    bent[name] = value;
    return show(bent);
  }
  std::string with_kid(const char* kid) {
    return show({{"alg", "RS256"}, {"kid", kid}}, claims(), OtherKey::rsa());
  }

  // A user's issuer on the loopback.
  static constexpr const char* near_url = "http://127.0.0.1:4711";
  std::string show_near() {
    web_[std::string(near_url) + "/.well-known/openid-configuration"] =
        to_text(JsonObject{{"issuer", near_url}, {"jwks_uri", std::string(near_url) + "/keys"}});
    web_[std::string(near_url) + "/keys"] = web_.at(std::string(issuer_url) + "/keys");
    application_.federated[0].issuer = near_url;
    put(application_);
    return with("iss", near_url);
  }

  static constexpr const char* not_signed = "401 invalid_client 50013";
  static constexpr const char* down = "503 temporarily_unavailable 90033";
  Application application_;
};

TEST_F(FederationTest, ExchangesAnIssuersToken) {
  EXPECT_EQ(show(claims()), "200");
  EXPECT_EQ(show({{"alg", "PS256"}, {"kid", "k"}}, claims(), OtherKey::rsa()), "200");
  EXPECT_EQ(show({{"alg", "ES256"}, {"kid", "e"}}, claims(), OtherKey::elliptic()), "200");
  EXPECT_EQ(fetched_.size(), 2U);  // once for all
}

TEST_F(FederationTest, IssuerSubjectAndAudienceMustBeEqual) {
  EXPECT_EQ(with("iss", "https://issuer.example/"), "401 invalid_client 700211");
  EXPECT_EQ(with("iss", "https://evil.example"), "401 invalid_client 700211");
  EXPECT_EQ(with("sub", "repo:a/B"), "401 invalid_client 700213");
  EXPECT_EQ(with("sub", "repo:a"), "401 invalid_client 700213");
  EXPECT_EQ(with("aud", "https://localhost"), "401 invalid_client 700212");
  EXPECT_EQ(with("aud", JsonArray{federated_audience, "other"}), "401 invalid_client 700212");
  EXPECT_EQ(with("aud", JsonArray{federated_audience}), "200");
  EXPECT_EQ(with("exp", now(-301)), "401 invalid_client 700024");
  EXPECT_EQ(with("nbf", now(301)), "401 invalid_client 700024");
}

TEST_F(FederationTest, NothingIsFetchedForAnIssuerThatNobodyNamed) {
  EXPECT_EQ(with("iss", "https://evil.example"), "401 invalid_client 700211");
  EXPECT_EQ(with("sub", "other"), "401 invalid_client 700213");
  EXPECT_TRUE(fetched_.empty());
}

TEST_F(FederationTest, TheKeySaysTheAlgorithm) {
  for (const char* alg : {"none", "HS256", "ES256", "RS512", ""}) {
    const auto part =
        b64_of(to_text(JsonObject{{"alg", alg}, {"kid", "k"}})) + "." + b64_of(to_text(claims()));
    const auto body = "grant_type=client_credentials&client_id=" + application_.app_id +
                      "&scope=" + scope +
                      "&client_assertion_type=" + percent_encode(assertion_type) +
                      "&client_assertion=" + part + ".";
    EXPECT_EQ(outcome(body), not_signed) << alg;
    EXPECT_EQ(outcome(body + b64_of(OtherKey::rsa().sign("RS256", part))), not_signed) << alg;
  }
  EXPECT_EQ(show({{"alg", "RS256"}, {"kid", "e"}}, claims(), OtherKey::rsa()), not_signed);
  EXPECT_EQ(show({{"alg", "ES256"}, {"kid", "k"}}, claims(), OtherKey::elliptic()), not_signed);
  EXPECT_EQ(show({{"alg", "RS256"}, {"kid", "k"}}, claims(), OtherKey::rsa(1)), not_signed);
}

TEST_F(FederationTest, AnAlgorithmInTheKeyIsTheOnlyOne) {
  auto key = OtherKey::rsa().jwk("k");
  key.as_object()["alg"] = "PS256";
  publish({key});
  EXPECT_EQ(show(claims()), not_signed);
  EXPECT_EQ(show({{"alg", "PS256"}, {"kid", "k"}}, claims(), OtherKey::rsa()), "200");
}

TEST_F(FederationTest, AnUnknownKeyIsFetchedAtMostOnceInThirtySeconds) {
  EXPECT_EQ(show(claims()), "200");
  for (int i = 0; i < 5; i++) EXPECT_EQ(with_kid("new"), not_signed);
  EXPECT_EQ(fetched_.size(), 2U);
  publish({OtherKey::rsa().jwk("new")});
  clock_.advance(Seconds(30));
  EXPECT_EQ(with_kid("new"), "200");
  EXPECT_EQ(fetched_.size(), 4U);
  EXPECT_EQ(show(claims()), not_signed);  // the old one is gone
}

TEST_F(FederationTest, TheLastGoodKeysCountForADay) {
  EXPECT_EQ(show(claims()), "200");
  web_.clear();
  clock_.advance(hours(23));
  EXPECT_EQ(show(claims()), "200");
  clock_.advance(hours(1));
  EXPECT_EQ(show(claims()), down);
  publish({OtherKey::rsa().jwk("k")});
  EXPECT_EQ(show(claims()), down);  // asked a moment ago
  clock_.advance(Seconds(30));
  EXPECT_EQ(show(claims()), "200");
}

TEST_F(FederationTest, AUsersIssuerIsReachedInThePublicNetworkOnly) {
  EXPECT_EQ(show(claims()), "200");
  EXPECT_EQ(reaches_, (std::vector<Reach>{Reach::public_only, Reach::public_only}));
  EXPECT_EQ(show_near(), down);
  EXPECT_EQ(fetched_.size(), 2U);
  clock_.advance(Seconds(30));
  login_->desk().issuers.trust({}, {"127.0.0.1"});
  EXPECT_EQ(show_near(), "200");
  EXPECT_EQ(reaches_.back(), Reach::anywhere);
}

TEST_F(FederationTest, AConfiguredIssuerIsReachedWhereverItIs) {
  login_->desk().issuers.trust({near_url}, {});
  EXPECT_EQ(show_near(), "200");
  EXPECT_EQ(reaches_, (std::vector<Reach>{Reach::anywhere, Reach::anywhere}));
}

TEST_F(FederationTest, AKeySetIsBounded) {
  JsonArray keys;
  for (int i = 0; i < 100; i++) keys.push_back(OtherKey::rsa().jwk("k" + std::to_string(i)));
  publish(keys);
  EXPECT_EQ(with_kid("k99"), "200");
  keys.push_back(OtherKey::rsa().jwk("more"));
  publish(keys);
  clock_.advance(hours(25));
  EXPECT_EQ(with_kid("k99"), down);
  publish({OtherKey::rsa().jwk("k")});
  web_[std::string(issuer_url) + "/keys"].insert(1, std::string(fetched_bytes_max, ' '));
  clock_.advance(Seconds(30));
  EXPECT_EQ(show(claims()), down);
}

TEST_F(FederationTest, KeysOfNoUseAreNoKeys) {
  auto curve = OtherKey::elliptic().jwk("k");
  curve.as_object()["y"] = curve.at("x");  // not on the curve
  auto weak = OtherKey::rsa().jwk("k");
  weak.as_object()["n"] = "AQAB";
  auto one = OtherKey::rsa().jwk("k");
  one.as_object()["e"] = "AQ";
  auto encryption = OtherKey::rsa().jwk("k");
  encryption.as_object()["use"] = "enc";
  const Json secret = JsonObject{{"kty", "oct"}, {"kid", "k"}, {"k", "AAAA"}};
  for (const Json& key : {curve, weak, one, encryption, secret, Json(1)}) {
    publish({key});
    EXPECT_EQ(show(claims()), down) << to_text(key);
    clock_.advance(Seconds(30));
  }
}

TEST_F(FederationTest, OnlyTheIssuersOwnDocumentOverHttpsCounts) {
  const std::string issuer(issuer_url);
  for (const auto& [named, keys] :
       {std::pair<std::string, std::string>{"https://other.example", issuer + "/keys"},
        {issuer, "http://issuer.example/keys"},
        {issuer, "http://127.0.0.1/keys"},
        {issuer, "file:///etc/passwd"},
        {issuer, "https://u:p@issuer.example/keys"},
        {issuer, ""}}) {
    web_[issuer + "/.well-known/openid-configuration"] =
        to_text(JsonObject{{"issuer", named}, {"jwks_uri", keys}});
    web_[keys] = web_[issuer + "/keys"];
    EXPECT_EQ(show(claims()), down) << keys;
    clock_.advance(Seconds(30));
  }
}

TEST(IssuerUrl, IsHttpsOrOnTheLoopback) {
  for (const char* good : {"https://a", "https://a.example:8443/x/y", "http://localhost:80/a",
                           "http://127.0.0.1", "http://[::1]:1/"}) {
    EXPECT_TRUE(check_issuer_url(good)) << good;
  }
  for (const char* bad : {"", "http://a", "ftp://a", "https://a?b", "https://a#b", "https://u@a",
                          "http://localhost.evil", "http://127.0.0.1.evil/", "http://[::1].evil",
                          "https://a b", "HTTPS://a"}) {
    EXPECT_FALSE(check_issuer_url(bad)) << bad;
  }
}

}  // namespace
}  // namespace pinaco::identity
