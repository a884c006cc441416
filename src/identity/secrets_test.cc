// Secrets: hashed, compared, and checked only a few at a time.
#include "identity/secrets.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/text.h"

namespace pinaco::identity {
namespace {

TEST(Secrets, ASecretMatchesItsHashAndNoOther) {
  const std::string hash = hash_secret("right", system_random());
  EXPECT_TRUE(*matches_secret("right", hash));
  for (const std::string& wrong :
       {std::string("Right"), std::string("righ"), std::string("right "), std::string(),
        std::string("right\0", 6), std::string(secret_bytes_max + 1, 'x')}) {
    EXPECT_FALSE(*matches_secret(wrong, hash)) << wrong;
  }
}

TEST(Secrets, TheSameSecretHasAnotherHashEachTime) {
  EXPECT_NE(hash_secret("x", system_random()), hash_secret("x", system_random()));
}

TEST(Secrets, HashesAsTheRfcDoes) {
  // Made by Python's hashlib.scrypt(b"pinaco", salt=bytes(range(16)), n=16384, r=8, p=1, dklen=32).
  EXPECT_TRUE(*matches_secret(
      "pinaco",
      "$scrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$qU4SIY40wugHMXK1vA3UNY9Ht1d2DxQzpPCQyz58EHI"));
}

TEST(Secrets, ADamagedHashIsAnErrorAndNotAMatch) {
  const std::string salt = to_base64url(Bytes(16)), hash = to_base64url(Bytes(32));
  for (const std::string& bad :
       {std::string(), std::string("$"), "$scrypt$ln=14,r=8,p=1$" + salt,
        "$scrypt$ln=30,r=8,p=1$" + salt + "$" + hash,
        "$scrypt$ln=14,r=8,p=1000$" + salt + "$" + hash, "$scrypt$ln=14,r=8,p=1$" + salt + "$",
        "$scrypt$ln=14,r=8,p=1$$" + hash, "$pbkdf2$ln=14,r=8,p=1$" + salt + "$" + hash}) {
    const auto matches = matches_secret("x", bad);
    ASSERT_FALSE(matches) << bad;
    EXPECT_EQ(matches.error().kind, Kind::corrupt);
  }
}

TEST(Secrets, AMadeSecretIsFortyLettersAndDigits) {
  const std::string secret = make_secret(system_random());
  EXPECT_EQ(secret.size(), 40U);
  EXPECT_EQ(
      secret.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
      std::string::npos);
  EXPECT_NE(secret, make_secret(system_random()));
}

TEST(Gate, TurnsAwayWhoeverFindsTooManyWaiting) {
  Gate gate(2, 0);
  auto first = gate.enter();
  auto second = gate.enter();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(gate.enter().error().kind, Kind::busy);
  {
    const auto leaving = std::move(*first);
  }
  EXPECT_TRUE(gate.enter());
}

TEST(Gate, NeverHasMoreInsideThanItMayAndLetsEveryWaiterIn) {
  Gate gate(2, 100);
  std::atomic<int> inside = 0, most = 0, done = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 20; i++) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; round++) {
        const auto pass = gate.enter();
        ASSERT_TRUE(pass);
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --inside;
        ++done;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(done, 1000);
  EXPECT_LE(most, 2);
}

}  // namespace
}  // namespace pinaco::identity
