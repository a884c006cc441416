// Users at the token endpoint: passwords, refresh tokens, and how often one may guess.
#include "identity/sign_in_testing.h"

namespace pinaco::identity {
namespace {

class UsersTest : public SignInTest {
 protected:
  std::string refresh(const std::string& token,
                      const std::string& client = std::string(azure_cli)) {
    return "grant_type=refresh_token&client_id=" + client + "&refresh_token=" + token +
           "&scope=" + scope + "+openid+offline_access";
  }
  std::string ann() { return by_password("ann@contoso.pinaco", password); }
  std::string signed_in() { return text_at(post(ann()), "refresh_token"); }
  std::size_t families() {
    std::size_t count = 0;
    EXPECT_TRUE(model_.read("", [&](const model::View& view) -> Result<> {
      count = TRY(view.facts("refresh/"))
      .size();
      return {};
    }));
    return count;
  }

  static constexpr const char* wrong = "400 invalid_grant 50126";
  static constexpr const char* locked = "400 invalid_grant 50053";
  static constexpr const char* stale = "400 invalid_grant 70000";
};

TEST_F(UsersTest, SignInAsAzDoes) {
  const auto answer = post(ann());
  EXPECT_EQ(status_, 200);
  const auto claims = verify_token(*keys_, clock_.now(), string_at(answer, "access_token"));
  ASSERT_TRUE(claims);
  EXPECT_TRUE(claims->is_user);
  EXPECT_EQ(claims->object_id, ann_.object_id);
  EXPECT_EQ(claims->tenant, tenant_);
  EXPECT_EQ(claims->credential, ann_.password_key);
  EXPECT_EQ(claims->client_id, azure_cli);
  EXPECT_EQ(claims->audience, "https://management.azure.com");
  EXPECT_NE(text_at(answer, "refresh_token"), "");

  const auto id_token = parse_jwt(string_at(answer, "id_token"));
  ASSERT_TRUE(id_token);
  EXPECT_EQ(text_claim(id_token->claims, "aud"), azure_cli);
  EXPECT_EQ(text_claim(id_token->claims, "preferred_username"), "ann@contoso.pinaco");
  EXPECT_EQ(text_claim(id_token->claims, "iss"), std::string(base_url) + "/" + tenant_ + "/v2.0");
  const auto info = decode_object(string_at(answer, "client_info"));
  ASSERT_TRUE(info);
  EXPECT_EQ(text_claim(*info, "uid"), ann_.object_id);
  EXPECT_EQ(text_claim(*info, "utid"), tenant_);
}

TEST_F(UsersTest, AnIdTokenIsNoAccessToken) {
  EXPECT_FALSE(verify_token(*keys_, clock_.now(), text_at(post(ann()), "id_token")));
}

TEST_F(UsersTest, OnlyWhatWasAskedForIsGiven) {
  const auto answer = post("grant_type=password&client_id=" + std::string(azure_cli) +
                           "&username=ann@contoso.pinaco&password=correct+horse&scope=" + scope);
  EXPECT_EQ(status_, 200);
  for (const char* member : {"refresh_token", "id_token", "client_info"}) {
    EXPECT_FALSE(answer.as_object().contains(member)) << member;
  }
}

TEST_F(UsersTest, NoNameTellsWhetherItIsThere) {
  EXPECT_EQ(outcome(by_password("ann@contoso.pinaco", "wrong")), wrong);
  EXPECT_EQ(outcome(by_password("nobody@contoso.pinaco", password)), wrong);
  EXPECT_EQ(outcome(by_password("ANN@contoso.pinaco", password)), "200");
  EXPECT_EQ(outcome(by_password(std::string(1000, 'x'), password)), wrong);
  ann_.password_hash.clear();
  put(ann_);
  EXPECT_EQ(outcome(by_password("ann@contoso.pinaco", "nobody")), wrong);
}

TEST_F(UsersTest, OfAnotherTenantOrDisabledAreRefused) {
  const auto other = directory_->make_tenant("Other", "");
  ASSERT_TRUE(other);
  auto reply = send("POST", "/" + other->tenant + "/oauth2/v2.0/token", ann());
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("AADSTS50126"), std::string::npos);
  EXPECT_EQ(send("POST", "/organizations/oauth2/v2.0/token", ann()).status, 200);
  EXPECT_EQ(send("POST", "/adfs/oauth2/token", ann()).status, 200);
  ann_.enabled = false;
  put(ann_);
  EXPECT_EQ(outcome(ann()), "400 invalid_grant 50057");
}

TEST_F(UsersTest, NobodyIsLockedOutFromAnotherAddress) {
  const auto fail_from = [&](const std::string& peer, int times) {
    peer_ = peer;
    for (int i = 0; i < times; i++) (void)outcome(by_password("ann@contoso.pinaco", "wrong"));
  };
  const auto home = peer_;
  EXPECT_EQ(outcome(ann()), "200");
  fail_from("192.0.2.77:1", 10);
  EXPECT_EQ(outcome(ann()), locked);
  peer_ = home;
  EXPECT_EQ(outcome(ann()), "200");
  // Many addresses together are held back, but not where he has signed in before.
  for (int i = 100; i < 110; i++) fail_from("192.0.2." + std::to_string(i) + ":1", 10);
  peer_ = "192.0.2.200:1";
  EXPECT_EQ(outcome(ann()), locked);
  peer_ = home;
  EXPECT_EQ(outcome(ann()), "200");
}

TEST_F(UsersTest, AnIpv6NetworkIsOneAddress) {
  EXPECT_EQ(network_of("[2001:db8::1]"), network_of("[2001:db8::2:3]"));
  EXPECT_NE(network_of("[2001:db8::1]"), network_of("[2001:db8:0:1::1]"));
  EXPECT_EQ(network_of("192.0.2.1"), "192.0.2.1");
}

TEST_F(UsersTest, AClientWithASecretMustShowIt) {
  const std::string as_first =
      "grant_type=password&username=ann@contoso.pinaco&password=correct+"
      "horse&scope=" +
      std::string(scope) + "&client_id=" + first_.client_id;
  EXPECT_EQ(outcome(as_first), "401 invalid_client 7000218");
  EXPECT_EQ(outcome(as_first + "&client_secret=wrong"), "401 invalid_client 7000215");
  EXPECT_EQ(outcome(as_first + "&client_secret=" + first_.client_secret), "200");
}

TEST_F(UsersTest, TheAzureCliIsNoApplicationThatLogsInByItself) {
  EXPECT_EQ(outcome("grant_type=client_credentials&scope=x&client_id=" + std::string(azure_cli)),
            "401 invalid_client 7000218");
  EXPECT_EQ(outcome("grant_type=client_credentials&scope=x&client_secret=x&client_id=" +
                    std::string(azure_cli)),
            "401 invalid_client 700025");
}

TEST_F(UsersTest, ARefreshTokenIsReplacedAtEachUse) {
  const auto first = signed_in();
  const auto answer = post(refresh(first));
  ASSERT_EQ(status_, 200);
  const auto second = text_at(answer, "refresh_token");
  EXPECT_NE(second, "");
  EXPECT_NE(second, first);
  EXPECT_TRUE(verify_token(*keys_, clock_.now(), string_at(answer, "access_token")));
  EXPECT_EQ(outcome(refresh(second)), "200");
  EXPECT_EQ(families(), 1U);
}

TEST_F(UsersTest, AnOldRefreshTokenRevokesItsFamily) {
  const auto first = signed_in();
  const auto other = signed_in();
  const auto second = text_at(post(refresh(first)), "refresh_token");
  clock_.advance(Seconds(31));
  EXPECT_EQ(outcome(refresh(first)), stale);
  EXPECT_EQ(outcome(refresh(second)), stale);
  EXPECT_EQ(outcome(refresh(other)), "200");
}

TEST_F(UsersTest, ARepetitionWithinHalfAMinuteGetsNoNewRefreshToken) {
  const auto first = signed_in();
  const auto second = text_at(post(refresh(first)), "refresh_token");
  const auto again = post(refresh(first));
  EXPECT_EQ(status_, 200);
  EXPECT_FALSE(again.as_object().contains("refresh_token"));
  EXPECT_EQ(outcome(refresh(second)), "200");
  EXPECT_EQ(outcome(refresh(first)), stale);  // two steps back
}

TEST_F(UsersTest, ARefreshTokenIsBoundToItsClientAndToThePassword) {
  const auto token = signed_in();
  const auto app = make_application({});
  EXPECT_EQ(outcome(refresh(token, app.app_id)), stale);
  EXPECT_EQ(outcome(refresh(token + "x")), stale);
  EXPECT_EQ(outcome(refresh("a.b.c")), stale);
  ann_.password_key = model_.random().uuid();
  put(ann_);
  EXPECT_EQ(outcome(refresh(token)), "400 invalid_grant 50173");
  EXPECT_EQ(families(), 0U);
}

TEST_F(UsersTest, ARefreshTokenLivesNinetyDaysWithoutUse) {
  auto token = signed_in();
  clock_.advance(std::chrono::days(89));
  token = text_at(post(refresh(token)), "refresh_token");
  EXPECT_EQ(status_, 200);
  clock_.advance(std::chrono::days(90));
  EXPECT_EQ(outcome(refresh(token)), stale);
}

TEST_F(UsersTest, RefreshTokensAreNotInTheDatabase) {
  const auto token = signed_in();
  const auto secret = token.substr(token.rfind('.') + 1);
  ASSERT_TRUE(kv_->read("", [&](kv::Reader& reader) -> Result<> {
    for (const auto& row : TRY(reader.range("", "", 10'000))) {
      EXPECT_EQ((row.key + row.value).find(secret), std::string::npos);
    }
    return {};
  }));
}

TEST_F(UsersTest, AUserHasAtMostAThousandFamilies) {
  RefreshTokens tokens(model_);
  const RefreshGrant grant = {ann_.object_id, tenant_, "c", "k"};
  const auto oldest = *tokens.begin(grant);
  clock_.advance(Seconds(1));
  for (std::size_t i = 1; i < refresh_families_max; i++) ASSERT_TRUE(tokens.begin(grant));
  EXPECT_EQ(families(), refresh_families_max);
  const auto newest = *tokens.begin(grant);
  EXPECT_EQ(families(), refresh_families_max);
  EXPECT_FALSE(tokens.use(oldest, "c"));
  EXPECT_TRUE(tokens.use(newest, "c"));
}

TEST_F(UsersTest, TenWrongPasswordsLockTheAccountForTenMinutes) {
  for (int i = 0; i < 10; i++) EXPECT_EQ(outcome(by_password("ann@contoso.pinaco", "x")), wrong);
  EXPECT_EQ(outcome(ann()), locked);
  EXPECT_EQ(outcome(by_password("ANN@CONTOSO.pinaco", password)), locked);
  clock_.advance(Seconds(599));
  EXPECT_EQ(outcome(ann()), locked);
  clock_.advance(Seconds(1));
  EXPECT_EQ(outcome(ann()), "200");
}

TEST_F(UsersTest, ARightPasswordForgetsTheWrongOnes) {
  for (int i = 0; i < 9; i++) EXPECT_EQ(outcome(by_password("ann@contoso.pinaco", "x")), wrong);
  EXPECT_EQ(outcome(ann()), "200");
  for (int i = 0; i < 9; i++) EXPECT_EQ(outcome(by_password("ann@contoso.pinaco", "x")), wrong);
  EXPECT_EQ(outcome(ann()), "200");
}

TEST_F(UsersTest, TenWrongSecretsAreToldToWait) {
  const std::string body =
      "grant_type=client_credentials&scope=x&client_id=" + first_.client_id + "&client_secret=";
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(outcome(body + "wrong"), "401 invalid_client 7000215");
  }
  const auto reply = send("POST", token_path(), body + first_.client_secret);
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.headers.get("Retry-After"), "600");
  EXPECT_EQ(string_at(*parse_json(reply.body), "error"), "temporarily_unavailable");
  clock_.advance(Seconds(600));
  EXPECT_EQ(outcome(body + first_.client_secret), "200");
}

TEST_F(UsersTest, AHundredFailuresFromOneAddressBlockIt) {
  for (int i = 0; i < 100; i++) {
    EXPECT_EQ(outcome("grant_type=client_credentials&scope=x&client_secret=x&client_id=" +
                      system_random().uuid()),
              "400 unauthorized_client 700016");
  }
  const std::string good = "grant_type=client_credentials&scope=x&client_id=" + first_.client_id +
                           "&client_secret=" + first_.client_secret;
  EXPECT_EQ(outcome(good), "429 temporarily_unavailable 90055");
  EXPECT_EQ(outcome(ann()), "429 temporarily_unavailable 90055");
  peer_ = "192.0.2.1:2000";
  EXPECT_EQ(outcome(good), "429 temporarily_unavailable 90055");
  peer_ = "192.0.2.2:1000";
  EXPECT_EQ(outcome(good), "200");
}

TEST(Throttle, RemembersABoundedNumberOfNames) {
  const ManualClock clock;
  Throttle throttle(clock, 10);
  for (int i = 0; i < 100; i++) throttle.failed(std::to_string(i));
  EXPECT_EQ(throttle.size(), 10U);
  EXPECT_FALSE(throttle.blocked("0", 1));
  EXPECT_TRUE(throttle.blocked("99", 1));
}

TEST(Throttle, CountsOnlyTheLastTenMinutes) {
  ManualClock clock;
  Throttle throttle(clock);
  throttle.failed("x");
  clock.advance(Seconds(400));
  throttle.failed("x");
  EXPECT_EQ(throttle.blocked("x", 2), Seconds(200));
  clock.advance(Seconds(200));
  EXPECT_FALSE(throttle.blocked("x", 2));
  throttle.failed("x");
  EXPECT_EQ(throttle.blocked("x", 2), Seconds(400));
}

TEST(Throttle, AnAddressIsWithoutItsPort) {
  EXPECT_EQ(address_of("127.0.0.1:4711"), "127.0.0.1");
  EXPECT_EQ(address_of("[::1]:4711"), "[::1]");
  EXPECT_EQ(address_of("[::1]"), "[::1]");
  EXPECT_EQ(address_of(""), "");
}

}  // namespace
}  // namespace pinaco::identity
