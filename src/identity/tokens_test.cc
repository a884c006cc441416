// Tokens: what is signed comes back, until it expires.
#include "identity/tokens_testing.h"
#include "identity/verified.h"

namespace pinaco::identity {
namespace {

using Tokens = TokensTest;

TEST_F(Tokens, ASignedTokenComesBackWithItsClaims) {
  const auto claims = verify(sign_token(*ring_->newest(), good()));
  ASSERT_TRUE(claims) << claims.error().message;
  EXPECT_EQ(claims->tenant, tenant);
  EXPECT_EQ(claims->audience, good().audience);
  EXPECT_EQ(claims->object_id, good().object_id);
  EXPECT_EQ(claims->client_id, good().client_id);
  EXPECT_EQ(claims->name, "administrator");
  EXPECT_EQ(claims->issued, good().issued);
  EXPECT_EQ(claims->expires, good().expires);
}

TEST_F(Tokens, ATokenSaysWhatClientsReadInIt) {
  const auto claims = *parse_json(payload());
  EXPECT_EQ(string_at(claims, "iss"), std::string("https://sts.windows.net/") + tenant + "/");
  for (const char* name : {"aud", "tid", "oid", "appid", "sub", "uti"}) {
    EXPECT_NE(string_at(claims, name), "") << name;
  }
  EXPECT_EQ(string_at(claims, "idtyp"), "app");
  EXPECT_EQ(string_at(claims, "appidacr"), "1");
  EXPECT_EQ(string_at(claims, "ver"), "1.0");
  EXPECT_EQ(int_at(claims, "exp") - int_at(claims, "iat"), 3600);
  EXPECT_EQ(int_at(claims, "nbf"), int_at(claims, "iat"));
}

TEST_F(Tokens, ATokenIsGoodFromIssueToExpiryWithFiveMinutesOfSkew) {
  const auto claims = good();
  const std::string token = sign_token(*ring_->newest(), claims);
  const auto at = [&](WallTime now) {
    const auto read = verify_token(*ring_, now, token);
    return read ? "good" : read.error().code;
  };
  EXPECT_EQ(at(claims.issued), "good");
  EXPECT_EQ(at(claims.issued - Seconds(300)), "good");
  EXPECT_EQ(at(claims.issued - Seconds(301)), "InvalidAuthenticationToken");
  EXPECT_EQ(at(claims.expires + Seconds(300)), "good");
  EXPECT_EQ(at(claims.expires + Seconds(301)), "ExpiredAuthenticationToken");
}

TEST_F(Tokens, TheTextOfAnExpiredTokenHasBothTimes) {
  auto claims = good();
  claims.issued = *parse_iso8601("2026-11-24T14:06:12Z");
  claims.expires = claims.issued + token_life;
  const auto read = check_times(claims, *parse_iso8601("2026-11-25T00:09:03.5Z"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message,
            "The access token expiry UTC time '11/24/2026 3:06:12 PM' is earlier than current UTC "
            "time '11/25/2026 12:09:03 AM'.");
}

TEST_F(Tokens, RotatingKeepsTokensOfTheOldKeyUntilTheyExpired) {
  const Folder folder;
  ManualClock clock(clock_->now());
  copy_keys_into(folder.path());
  const auto ring = KeyRing::open(folder.path(), clock).value();
  const auto first = ring->newest();
  ASSERT_TRUE(ring->rotate());
  EXPECT_NE(ring->newest()->id(), first->id());
  const std::string old_token = sign_token(*first, good());
  EXPECT_TRUE(verify_token(*ring, clock.now(), old_token));
  EXPECT_EQ(ring->key_set().at("keys").as_array().size(), 2U);
  clock.advance(std::chrono::hours(3));
  EXPECT_EQ(ring->find(first->id()), nullptr);
  EXPECT_EQ(ring->key_set().at("keys").as_array().size(), 1U);
  auto claims = good();
  claims.issued = std::chrono::floor<Seconds>(clock.now());
  claims.expires = claims.issued + token_life;
  EXPECT_FALSE(verify_token(*ring, clock.now(), sign_token(*first, claims)));
}

TEST(VerifiedTokens, TheOldestMakeRoom) {
  VerifiedTokens tokens(3);
  const WallTime now(Seconds(1'800'000'000));
  const auto digest = [](int i) { return Digest::of(as_bytes(std::to_string(i))); };
  for (int i = 0; i < 10; i++) {
    tokens.add(digest(i), {.expires = now + token_life}, now);
    tokens.add(digest(i), {.expires = now + token_life}, now);
  }
  EXPECT_EQ(tokens.size(), 3U);
  EXPECT_FALSE(tokens.find(digest(6)));
  EXPECT_TRUE(tokens.find(digest(7)));
  EXPECT_TRUE(tokens.find(digest(9)));
}

TEST(VerifiedTokens, ExpiredOnesAreForgottenWhenAnotherComes) {
  VerifiedTokens tokens;
  const WallTime now(Seconds(1'800'000'000));
  tokens.add(Digest::of(as_bytes("a")), {.expires = now + token_life}, now);
  tokens.add(Digest::of(as_bytes("b")), {.expires = now + Seconds(90'000)}, now + Seconds(86'400));
  EXPECT_EQ(tokens.size(), 1U);
}

}  // namespace
}  // namespace pinaco::identity
