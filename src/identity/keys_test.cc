// The key file: private, durable, and refused when it is not.
#include "identity/keys.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/text.h"
#include "identity/folder_testing.h"
#include "os/files.h"

namespace pinaco::identity {
namespace {

std::string key_file(const Folder& folder) {
  return folder.path() + "/keys/" + std::string(KeyRing::file_name);
}

TEST(Keys, TheKeyFileAndItsFolderArePrivate) {
  const Folder folder;
  ASSERT_TRUE(KeyRing::open(folder.path() + "/keys", system_clock()));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(key_file(folder)).permissions(),
            perms::owner_read | perms::owner_write);
  EXPECT_EQ(std::filesystem::status(folder.path() + "/keys").permissions(), perms::owner_all);
}

TEST(Keys, ARestartKeepsTheKey) {
  const Folder folder;
  const std::string id =
      KeyRing::open(folder.path() + "/keys", system_clock()).value()->newest()->id();
  const auto again = KeyRing::open(folder.path() + "/keys", system_clock()).value();
  EXPECT_EQ(again->newest()->id(), id);
}

TEST(Keys, AKeyFileThatOthersCanReadIsRefused) {
  const Folder folder;
  copy_keys_into(folder.path() + "/keys");
  ASSERT_TRUE(KeyRing::open(folder.path() + "/keys", system_clock()));
  std::filesystem::permissions(key_file(folder), std::filesystem::perms(0640));
  const auto again = KeyRing::open(folder.path() + "/keys", system_clock());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, Kind::denied);
  EXPECT_NE(again.error().message.find("chmod 600"), std::string::npos);
}

TEST(Keys, ADamagedKeyFileIsRefusedAndNotReplaced) {
  for (const std::string text :
       {"", "{", "{\"keys\":[]}", "{\"keys\":[{\"created\":1,\"pem\":\"x\"}]}", "[]"}) {
    const Folder folder;
    ASSERT_TRUE(os::make_folders(folder.path() + "/keys"));
    ASSERT_TRUE(os::write_file_durably(key_file(folder), as_bytes(text)));
    const auto opened = KeyRing::open(folder.path() + "/keys", system_clock());
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().kind, Kind::corrupt);
    EXPECT_EQ(os::read_file(key_file(folder), 1000).value(), text);
  }
}

TEST(Keys, AWeakKeyIsRefused) {
  EVP_PKEY* weak = EVP_RSA_gen(1024);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  ASSERT_EQ(PEM_write_bio_PrivateKey(bio.get(), weak, nullptr, nullptr, 0, nullptr, nullptr), 1);
  EVP_PKEY_free(weak);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  const auto key = SigningKey::from_pem({data, static_cast<std::size_t>(size)}, {});
  EXPECT_FALSE(key);
}

TEST(Keys, TheNewestKeyIsReplacedAfterNinetyDays) {
  const Folder folder;
  ManualClock clock;
  copy_keys_into(folder.path());
  const auto ring = KeyRing::open(folder.path(), clock).value();
  const std::string id = ring->newest()->id();
  clock.advance(std::chrono::days(89));
  EXPECT_EQ(ring->newest()->id(), id);
  clock.advance(std::chrono::days(2));
  const std::string next = ring->newest()->id();
  EXPECT_NE(next, id);
  EXPECT_EQ(KeyRing::open(folder.path(), clock).value()->newest()->id(), next);
}

TEST(Keys, TheKeySetHasOnlyPublicHalves) {
  const Folder folder;
  copy_keys_into(folder.path());
  const auto ring = KeyRing::open(folder.path(), system_clock()).value();
  const Json set = ring->key_set();
  const auto& key = set.at("keys").at(0).as_object();
  EXPECT_EQ(key.size(), 6U);
  for (const char* secret : {"d", "p", "q", "dp", "dq", "qi"}) EXPECT_FALSE(key.contains(secret));
  EXPECT_EQ(from_base64url(string_at(set.at("keys").at(0), "n"))->size(), 256U);
  EXPECT_EQ(string_at(set.at("keys").at(0), "e"), "AQAB");
}

}  // namespace
}  // namespace pinaco::identity
