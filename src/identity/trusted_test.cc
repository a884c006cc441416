// Tokens of issuers that the configuration trusts, and what is refused at once, through the door.
#include "identity/trusted.h"

#include "identity/sign_in_testing.h"

namespace pinaco::identity {
namespace {

using std::chrono::hours;

class TrustedTest : public SignInTest {
 protected:
  TrustedTest() {
    publish({OtherKey::rsa().jwk("k")});
    corp_ = {.name = "corp",
             .issuer = issuer_url,
             .audience = "pinaco",
             .tenant = tenant_,
             .auto_create = true};
    open({corp_});
  }

  Fetch fetch() {
    return [this](const std::string& url, Reach) {
      fetched_.push_back(url);
      const auto found = web_.find(url);
      return found == web_.end() ? Result<std::string>(fail(Kind::unavailable, "down"))
                                 : Result<std::string>(found->second);
    };
  }
  void open(std::vector<TrustedIssuer> issuers) {
    if (!std::filesystem::exists(folder_.path() + "/keys")) {
      copy_keys_into(folder_.path() + "/keys");
    }
    auto opened = Identity::open(model_, folder_.path() + "/keys",
                                 Options{.issuers = std::move(issuers), .fetch = fetch()});
    ASSERT_TRUE(opened) << opened.error().message;
    identity_ = std::move(*opened);
  }
  JsonObject claims() const {
    return {{"iss", issuer_url}, {"sub", "s-1"},    {"aud", "pinaco"}, {"name", "Sue"},
            {"iat", now()},      {"exp", now(600)}, {"jti", "t"},      {"azp", "client"}};
  }
  Result<Caller> call(const JsonObject& payload, const OtherKey& key = OtherKey::rsa(),
                      const char* alg = "RS256") {
    return bearer(make_jwt({{"alg", alg}, {"kid", "k"}}, payload, key));
  }
  Result<Caller> bearer(const std::string& token, const std::string& target = "/") {
    http::Request request{.method = "GET", .target = target};
    request.headers.add("Authorization", "Bearer " + token);
    return identity_->authenticate(request);
  }
  template <typename T>
  std::string with(const char* name, const T& value) {
    auto bent = claims();
    bent[name] = value;
    const auto caller = call(bent);
    return caller ? "accepted" : caller.error().code;
  }
  // The access token of a form sent to the token endpoint.
  std::string token_of(const std::string& body) {
    http::Request request{.method = "POST", .target = token_path(), .body = body, .peer = peer_};
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    const auto reply = identity_->answer(request, base_url);
    EXPECT_EQ(reply->status, 200) << reply->body;
    return text_at(*parse_json(reply->body), "access_token");
  }

  static constexpr const char* invalid = "InvalidAuthenticationToken";
  TrustedIssuer corp_;
  std::unique_ptr<Identity> identity_;
};

TEST_F(TrustedTest, ACallerIsMadeAtFirstSightAndKeepsItsId) {
  const auto caller = call(claims());
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->object_id, outside_object_id(issuer_url, "s-1"));
  EXPECT_TRUE(arm::is_guid(caller->object_id));
  EXPECT_EQ(caller->object_id[14], '8');
  EXPECT_EQ(caller->tenant, tenant_);
  EXPECT_EQ(caller->name, "Sue");
  EXPECT_EQ(caller->client_id, "client");
  EXPECT_TRUE(caller->is_user);
  EXPECT_EQ(call(claims())->object_id, caller->object_id);
  EXPECT_EQ(with("sub", "s-2"), "accepted");
  EXPECT_NE(outside_object_id(issuer_url, "s-2"), caller->object_id);
  EXPECT_NE(outside_object_id("https://other.example", "s-1"), caller->object_id);
  EXPECT_NE((*directory_->roster())->find_principal(caller->object_id), nullptr);
}

TEST_F(TrustedTest, ALongNameIsCutBetweenLetters) {
  std::string name;
  for (int i = 0; i < 200; i++) name += "\xe2\x82\xac";  // three bytes each
  EXPECT_EQ(with("name", name), "accepted");
  const auto opened = Directory::open(model_, {});  // reads all rows again
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(call(claims())->name.size(), 255U);
}

TEST_F(TrustedTest, WithoutAutoCreateThePrincipalMustBeThere) {
  corp_.auto_create = false;
  open({corp_});
  const auto refused = call(claims());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(outside_object_id(issuer_url, "s-1")), std::string::npos);
  put(Principal{.object_id = outside_object_id(issuer_url, "s-1"),
                .tenant = tenant_,
                .type = PrincipalType::user,
                .name = "Sue"});
  EXPECT_TRUE(call(claims()));
}

TEST_F(TrustedTest, ADisabledPrincipalIsRefusedAtOnce) {
  auto caller = call(claims());
  ASSERT_TRUE(caller);
  auto principal = *(*directory_->roster())->find_principal(caller->object_id);
  principal.enabled = false;
  put(principal);
  EXPECT_EQ(with("sub", "s-1"), invalid);
}

TEST_F(TrustedTest, EveryClaimCounts) {
  EXPECT_EQ(with("aud", "other"), invalid);
  EXPECT_EQ(with("aud", JsonArray{"other", "pinaco"}), "accepted");
  EXPECT_EQ(with("iss", "https://issuer.example/"), invalid);
  EXPECT_EQ(with("sub", ""), invalid);
  EXPECT_EQ(with("exp", now(-301)), "ExpiredAuthenticationToken");
  EXPECT_EQ(with("nbf", now(301)), "ExpiredAuthenticationToken");
  EXPECT_EQ(with("exp", now(25 * 3600)), "ExpiredAuthenticationToken");
  EXPECT_EQ(with("exp", "never"), "ExpiredAuthenticationToken");
}

TEST_F(TrustedTest, ForgeriesAreRefusedAndLeaveNoRow) {
  const auto before = *kv_->revision("");
  EXPECT_FALSE(call(claims(), OtherKey::rsa(1)));
  EXPECT_FALSE(call(claims(), OtherKey::elliptic(), "ES256"));
  for (const char* alg : {"none", "HS256", ""}) {
    const auto part =
        b64_of(to_text(JsonObject{{"alg", alg}, {"kid", "k"}})) + "." + b64_of(to_text(claims()));
    EXPECT_FALSE(bearer(part + ".")) << alg;
    EXPECT_FALSE(bearer(part + "." + b64_of(OtherKey::rsa().sign("RS256", part)))) << alg;
  }
  EXPECT_EQ(*kv_->revision(""), before);
}

TEST_F(TrustedTest, NothingIsFetchedForOtherIssuersOrAudiences) {
  EXPECT_EQ(with("iss", "https://evil.example"), invalid);
  EXPECT_EQ(with("aud", "other"), invalid);
  EXPECT_TRUE(fetched_.empty());
  open({});
  EXPECT_EQ(with("sub", "s-1"), invalid);
  EXPECT_TRUE(fetched_.empty());
}

TEST_F(TrustedTest, GroupsAreThoseOfTheDirectoryUnderTheIssuersName) {
  const auto group = [&](const std::string& name, std::vector<std::string> members) {
    Principal made = {.object_id = model_.random().uuid(),
                      .tenant = tenant_,
                      .type = PrincipalType::group,
                      .name = name,
                      .members = std::move(members)};
    put(made);
    return made.object_id;
  };
  const auto admins = group("corp/admins", {});
  const auto all = group("everybody", {admins});
  group("admins", {});
  group("other/admins", {});
  auto payload = claims();
  payload["groups"] = JsonArray{"admins", "unknown", 7};
  auto caller = call(payload);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->groups, (std::vector<std::string>{admins, all}));
  EXPECT_TRUE(call(claims())->groups.empty());
  const auto late = group("corp/late", {});
  payload["groups"] = "late";
  EXPECT_EQ(call(payload)->groups, (std::vector<std::string>{late}));
}

TEST_F(TrustedTest, OfGroupsWithOneNameTheFirstThatWasMadeCounts) {
  std::string first;
  for (int i = 0; i < 8; i++) {  // in any order of their ids
    const Principal made = {.object_id = model_.random().uuid(),
                            .tenant = tenant_,
                            .type = PrincipalType::group,
                            .name = "corp/admins",
                            .created = clock_.now()};
    put(made);
    if (first.empty()) first = made.object_id;
    clock_.advance(Seconds(1));
  }
  auto payload = claims();
  payload["groups"] = "admins";
  EXPECT_EQ(call(payload)->groups, std::vector<std::string>{first});
}

TEST_F(TrustedTest, AnIssuerThatCannotBeUsedIsRefusedAtTheStart) {
  const auto refused = [&](const TrustedIssuer& issuer, bool twice = false) {
    std::vector<TrustedIssuer> all = {issuer};
    if (twice) all.push_back(issuer);
    return !Identity::open(model_, folder_.path() + "/keys", Options{.issuers = all}).has_value();
  };
  EXPECT_FALSE(refused(corp_));
  EXPECT_TRUE(refused(corp_, true));
  auto bad = corp_;
  bad.issuer = "http://issuer.example";
  EXPECT_TRUE(refused(bad));
  bad = corp_;
  bad.audience.clear();
  EXPECT_TRUE(refused(bad));
  bad = corp_;
  bad.name = "a/b";
  EXPECT_TRUE(refused(bad));
  bad = corp_;
  bad.tenant = "contoso";
  EXPECT_TRUE(refused(bad));
}

TEST_F(TrustedTest, ATokenOfARemovedCertificateIsRefusedAtOnce) {
  const auto certificate = OtherKey::rsa().certificate(clock_.now(), hours(-1), hours(48));
  auto application = make_application({.certificates = {certificate}});
  const auto assertion =
      make_jwt({{"alg", "RS256"}, {"x5t", OtherKey::print_of(certificate, EVP_sha1())}},
               {{"aud", base_url + token_path()},
                {"iss", application.app_id},
                {"sub", application.app_id},
                {"exp", now(600)}},
               OtherKey::rsa());
  const auto token = token_of("grant_type=client_credentials&client_id=" + application.app_id +
                              "&scope=x&client_assertion_type=" + percent_encode(assertion_type) +
                              "&client_assertion=" + assertion);
  EXPECT_TRUE(bearer(token));
  application.certificates.clear();
  put(application);
  EXPECT_FALSE(bearer(token));
}

TEST_F(TrustedTest, AUsersTokenEndsWithHisPasswordAndWithTheApplication) {
  const auto application = make_application({});
  const auto body = [&](const std::string& client) {
    return "grant_type=password&scope=x&username=ann@contoso.pinaco&password=correct+horse"
           "&client_id=" +
           client;
  };
  const auto of_app = token_of(body(application.app_id));
  const auto of_az = token_of(body(std::string(azure_cli)));
  EXPECT_TRUE(bearer(of_app));
  EXPECT_TRUE(bearer(of_az)->is_user);
  ASSERT_TRUE(
      directory_->edit([&](Edit& edit) { return edit.erase_application(application.app_id); }));
  EXPECT_FALSE(bearer(of_app));
  EXPECT_TRUE(bearer(of_az));
  ann_.password_key = model_.random().uuid();
  put(ann_);
  EXPECT_FALSE(bearer(of_az));
}

TEST_F(TrustedTest, ATokenInAUrlIsNeverRead) {
  const auto token = token_of(
      "grant_type=password&scope=x&username=ann@contoso.pinaco&password="
      "correct+horse&client_id=" +
      std::string(azure_cli));
  EXPECT_TRUE(bearer(token));
  for (const char* name : {"access_token", "token", "Authorization", "bearer"}) {
    const http::Request request{.method = "GET",
                                .target = "/subscriptions?" + std::string(name) + "=" + token};
    EXPECT_FALSE(identity_->authenticate(request)) << name;
  }
  http::Request posted{.method = "POST", .target = "/", .body = "access_token=" + token};
  posted.headers.add("Content-Type", "application/x-www-form-urlencoded");
  posted.headers.add("Cookie", "access_token=" + token);
  EXPECT_FALSE(identity_->authenticate(posted));
}

}  // namespace
}  // namespace pinaco::identity
