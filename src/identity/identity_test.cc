// Who calls and what they may do, through the door.
#include "identity/identity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "identity/folder_testing.h"

namespace pinaco::identity {
namespace {

constexpr const char* base_url = "https://localhost:18443";

class IdentityTest : public testing::Test {
 protected:
  IdentityTest() {
    copy_keys_into(folder_.path() + "/keys");
    open();
  }

  void open() {
    auto opened = Identity::open(model_, folder_.path() + "/keys");
    ASSERT_TRUE(opened) << opened.error().message;
    identity_ = std::move(*opened);
    if (identity_->directory().first_credentials())
      credentials_ = *identity_->directory().first_credentials();
  }

  http::Reply log_in(const std::string& secret) {
    http::Request request;
    request.method = "POST";
    request.target = "/adfs/oauth2/token";
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = "grant_type=client_credentials&client_id=" + credentials_.client_id +
                   "&client_secret=" + secret + "&scope=https%3A%2F%2Flocalhost%2F.default";
    return *identity_->answer(request, base_url);
  }
  std::string token_in(const std::string& tenant, const FirstCredentials& who) {
    http::Request request{.method = "POST", .target = "/" + tenant + "/oauth2/v2.0/token"};
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = "grant_type=client_credentials&client_id=" + who.client_id +
                   "&client_secret=" + who.client_secret + "&scope=https%3A%2F%2Fx%2F.default";
    const auto reply = *identity_->answer(request, base_url);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return std::string(string_at(*parse_json(reply.body), "access_token"));
  }
  std::string token() {
    const auto reply = log_in(credentials_.client_secret);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return std::string(string_at(*parse_json(reply.body), "access_token"));
  }
  Result<Caller> authenticate(const std::string& header) {
    http::Request request;
    request.headers.add("authorization", header);
    return identity_->authenticate(request);
  }

  Folder folder_;
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  ManualClock clock_;
  model::Model model_{*kv_, clock_, system_random()};
  std::unique_ptr<Identity> identity_;
  FirstCredentials credentials_;
};

TEST_F(IdentityTest, TheFirstStartMakesATenantASubscriptionAndAnAdministrator) {
  ASSERT_TRUE(identity_->directory().first_credentials());
  EXPECT_TRUE(arm::is_guid(credentials_.tenant));
  EXPECT_TRUE(arm::is_guid(credentials_.client_id));
  EXPECT_EQ(credentials_.tenant, identity_->directory().first_tenant());
  const auto everybody = *identity_->directory().roster();
  ASSERT_EQ(everybody->subscriptions().size(), 1U);
  const auto& subscription = everybody->subscriptions().begin()->second;
  EXPECT_EQ(subscription.id, credentials_.subscription);
  EXPECT_EQ(subscription.tenant, credentials_.tenant);
  EXPECT_NE(subscription.name, "");
}

TEST_F(IdentityTest, ASecondStartKeepsEverythingAndShowsNoSecret) {
  const std::string good = token();
  open();
  EXPECT_FALSE(identity_->directory().first_credentials());
  EXPECT_EQ(identity_->directory().first_tenant(), credentials_.tenant);
  EXPECT_EQ((*identity_->directory().roster())->subscriptions().size(), 1U);
  EXPECT_EQ(log_in(credentials_.client_secret).status, 200);
  EXPECT_TRUE(authenticate("Bearer " + good));
}

TEST_F(IdentityTest, TheTokenOfALoginNamesTheAdministrator) {
  const auto caller = authenticate("Bearer " + token());
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->tenant, credentials_.tenant);
  EXPECT_EQ(caller->client_id, credentials_.client_id);
  EXPECT_TRUE(arm::is_guid(caller->object_id));
  EXPECT_EQ(caller->name, "administrator");
  EXPECT_TRUE(authenticate("bearer " + token()));
}

TEST_F(IdentityTest, RequestsWithoutOneBearerTokenAreNotAuthenticated) {
  const auto missing = identity_->authenticate({});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Kind::denied);
  EXPECT_EQ(missing.error().code, "AuthenticationFailed");
  EXPECT_EQ(missing.error().message,
            "Authentication failed. The 'Authorization' header is missing.");
  EXPECT_EQ(arm::http_status(missing.error()), 401);
  for (const char* header : {"", "Bearer", "Bearer ", "Basic YTpi", "token", "Bearer\tx"}) {
    EXPECT_EQ(authenticate(header).error().code, "AuthenticationFailed") << header;
  }
  const std::string good = token();
  EXPECT_EQ(authenticate("Bearer  " + good).error().code, "InvalidAuthenticationToken");
  http::Request twice;
  twice.headers.add("Authorization", "Bearer " + good);
  twice.headers.add("authorization", "Bearer " + good);
  EXPECT_EQ(identity_->authenticate(twice).error().code, "AuthenticationFailed");
}

TEST_F(IdentityTest, IdentityHeadersOfAClientMeanNothing) {
  http::Request request;
  for (const char* name : {"x-ms-client-principal", "x-ms-client-principal-id", "x-forwarded-user",
                           "x-ms-authorization-auxiliary", "x-ms-client-object-id",
                           "x-ms-client-tenant-id", "proxy-authorization", "cookie"}) {
    request.headers.add(name, credentials_.client_id);
  }
  EXPECT_FALSE(identity_->authenticate(request));
}

TEST_F(IdentityTest, AVerifiedTokenStillExpires) {
  const std::string good = token();
  EXPECT_TRUE(authenticate("Bearer " + good));
  clock_.advance(std::chrono::minutes(65));
  EXPECT_TRUE(authenticate("Bearer " + good));
  clock_.advance(Seconds(1));
  EXPECT_EQ(authenticate("Bearer " + good).error().code, "ExpiredAuthenticationToken");
}

TEST_F(IdentityTest, AClockThatJumpsBackMakesATokenOfTheFutureInvalid) {
  const std::string good = token();
  EXPECT_TRUE(authenticate("Bearer " + good));
  clock_.advance(-std::chrono::hours(2));
  EXPECT_EQ(authenticate("Bearer " + good).error().code, "InvalidAuthenticationToken");
}

TEST_F(IdentityTest, AResetRefusesTheOldSecret) {
  const auto fresh = identity_->directory().reset_administrator();
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->client_id, credentials_.client_id);
  EXPECT_EQ(fresh->tenant, credentials_.tenant);
  EXPECT_EQ(fresh->subscription, credentials_.subscription);
  EXPECT_EQ(log_in(credentials_.client_secret).status, 401);
  EXPECT_EQ(log_in(fresh->client_secret).status, 200);
  open();
  EXPECT_EQ(log_in(credentials_.client_secret).status, 401);
  EXPECT_EQ(log_in(fresh->client_secret).status, 200);
}

TEST_F(IdentityTest, AnotherServersTokensAreRefused) {  // it has keys of its own
  const Folder other_folder;
  const auto other_kv = kv::open_memory();
  model::Model other_model(*other_kv, clock_, system_random());
  const auto other = Identity::open(other_model, other_folder.path()).value();
  http::Request request;
  request.headers.add("Authorization", "Bearer " + token());
  EXPECT_TRUE(identity_->authenticate(request));
  EXPECT_EQ(other->authenticate(request).error().code, "InvalidAuthenticationToken");
}

// As after a move of the keys to a new database: signed by a known key, for another tenant.
TEST_F(IdentityTest, ATokenOfAnotherTenantUnderTheSameKeysIsRefused) {
  const std::string good = token();
  const auto other_kv = kv::open_memory();
  model::Model other_model(*other_kv, clock_, system_random());
  const auto other = Identity::open(other_model, folder_.path() + "/keys").value();
  http::Request request;
  request.headers.add("Authorization", "Bearer " + good);
  EXPECT_EQ(other->authenticate(request).error().code, "InvalidAuthenticationToken");
}

TEST_F(IdentityTest, ATokenIsRefusedOnceItsPrincipalIsOfAnotherTenant) {
  const std::string good = token();
  ASSERT_TRUE(authenticate("Bearer " + good));
  const auto other = identity_->directory().make_tenant("Other", "");
  ASSERT_TRUE(other) << other.error().message;
  ASSERT_TRUE(identity_->directory().edit([&](Edit& edit) -> Result<> {
    auto principal = TRY(edit.find_principal(credentials_.object_id));
    principal->tenant = other->tenant;
    return edit.put(*principal);
  }));
  EXPECT_EQ(authenticate("Bearer " + good).error().code, "InvalidAuthenticationToken");
}

TEST_F(IdentityTest, TheTokensOfASecretEndWithIt) {
  const std::string old = token();
  ASSERT_TRUE(authenticate("Bearer " + old));
  credentials_ = *identity_->directory().reset_administrator();
  EXPECT_EQ(authenticate("Bearer " + old).error().code, "InvalidAuthenticationToken");
  EXPECT_TRUE(authenticate("Bearer " + token()));
}

TEST_F(IdentityTest, ADisabledPrincipalIsRefusedAtOnceAndSoIsOneThatIsGone) {
  const std::string good = token();
  const auto id = credentials_.object_id;
  ASSERT_TRUE(identity_->directory().edit([&](Edit& edit) -> Result<> {
    auto principal = TRY(edit.find_principal(id));
    principal->enabled = false;
    return edit.put(*principal);
  }));
  EXPECT_EQ(authenticate("Bearer " + good).error().code, "InvalidAuthenticationToken");
  EXPECT_EQ(log_in(credentials_.client_secret).status, 400);
  ASSERT_TRUE(identity_->directory().edit([&](Edit& edit) { return edit.erase_principal(id); }));
  EXPECT_EQ(authenticate("Bearer " + good).error().code, "InvalidAuthenticationToken");
}

TEST_F(IdentityTest, AuxiliaryTokensAreTheSameClientInOtherTenants) {
  const auto other = *identity_->directory().make_tenant("Other", "");
  ASSERT_TRUE(identity_->directory().edit([&](Edit& edit) {
    return edit.put(Principal{.object_id = system_random().uuid(),
                              .tenant = other.tenant,
                              .name = "guest",
                              .app_id = credentials_.client_id});
  }));
  const std::string own = token();
  const std::string guest = token_in(other.tenant, credentials_);
  const std::string stranger = token_in(other.tenant, other);
  const auto caller = [&](const std::string& auxiliary) {
    http::Request request;
    request.headers.add("Authorization", "Bearer " + own);
    request.headers.add("x-ms-authorization-auxiliary", auxiliary);
    return identity_->authenticate(request);
  };
  for (const std::string& header :
       {"Bearer " + guest + ", Bearer " + own, "Bearer " + guest + ";Bearer " + own}) {
    const auto read = caller(header);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->auxiliary.size(), 2U);
    EXPECT_EQ(read->tenant, credentials_.tenant);
    EXPECT_EQ(read->auxiliary[0].tenant, other.tenant);
  }
  EXPECT_FALSE(caller("Bearer " + stranger)) << "somebody else's token lends no rights";
  EXPECT_FALSE(caller("Bearer x"));
  EXPECT_FALSE(
      caller("Bearer " + guest + ", Bearer " + guest + ", Bearer " + guest + ", Bearer " + guest));
}

TEST_F(IdentityTest, TheSecretIsNowhereInRowsOrFiles) {
  const auto fresh = *identity_->directory().reset_administrator();
  std::string all;
  const auto shards = *kv_->shards();
  for (const std::string& shard : shards) {
    ASSERT_TRUE(kv_->read(shard, [&](kv::Reader& reader) -> Result<> {
      for (const auto& row : TRY(reader.range("", "", 10'000))) all += row.key + row.value;
      return {};
    }));
  }
  EXPECT_NE(all.find(fresh.client_id), std::string::npos);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (!entry.is_regular_file()) continue;
    std::ostringstream content;
    content << std::ifstream(entry.path()).rdbuf();
    all += content.str();
  }
  EXPECT_NE(all.find("PRIVATE KEY"), std::string::npos);
  for (const std::string& secret : {credentials_.client_secret, fresh.client_secret}) {
    EXPECT_EQ(all.find(secret), std::string::npos);
    EXPECT_EQ(all.find(to_base64(as_bytes(secret))), std::string::npos);
    EXPECT_EQ(all.find(to_hex(as_bytes(secret))), std::string::npos);
  }
}

TEST_F(IdentityTest, RefusedRequestsLeaveNoRow) {
  const auto before = *kv_->revision("");
  for (int i = 0; i < 20; i++) {
    EXPECT_FALSE(authenticate("Bearer " + std::to_string(i)));
    http::Request request;
    request.method = "POST";
    request.target = "/adfs/oauth2/token";
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = "grant_type=client_credentials&client_secret=x&resource=y&client_id=" +
                   system_random().uuid();
    EXPECT_EQ(identity_->answer(request, base_url)->status, 400);
  }
  EXPECT_EQ(*kv_->revision(""), before);
}

TEST_F(IdentityTest, ADamagedDirectoryIsRefused) {
  ASSERT_TRUE(model_.change("", [&](model::Change& change) -> Result<> {
    return change.erase_fact("access/tenant/" + credentials_.tenant);
  }));
  const auto opened = Identity::open(model_, folder_.path() + "/keys");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, Kind::corrupt);
}

TEST_F(IdentityTest, TheChallengeNamesTheTenantAndCannotBeBrokenByAHostHeader) {
  const auto error = identity_->authenticate({}).error();
  EXPECT_EQ(
      identity_->challenge(base_url, "", error),
      "Bearer authorization_uri=\"https://localhost:18443/" + credentials_.tenant +
          "\", error=\"invalid_token\", error_description=\"The authentication failed because "
          "of missing 'Authorization' header.\"");
  const auto expired = Error{.kind = Kind::denied, .message = "a \"b\" \\c\r\nd", .code = "X"};
  const auto header = identity_->challenge("https://a\"b\r\nc", "", expired);
  EXPECT_EQ(std::ranges::count(header, '"'), 6);
  EXPECT_EQ(header.find_first_of("\r\n\\"), std::string::npos);
}

}  // namespace
}  // namespace pinaco::identity
