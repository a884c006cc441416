// Names, URIs, and what becomes of rows whose owner is gone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "blob/blob.h"
#include "kv/kv.h"

namespace pinaco::blob {
namespace {

constexpr std::string_view base = "https://localhost:8443";

TEST(Names, AreThoseOfTheService) {
  EXPECT_TRUE(is_account_name("disks2024"));
  for (const char* bad : {"ab", "Disks", "my-disks", "abcdefghijklmnopqrstuvwxy"}) {
    EXPECT_FALSE(is_account_name(bad)) << bad;
  }
  EXPECT_TRUE(is_container_name("vhds-1"));
  for (const char* bad : {"ab", "-vhds", "vhds-", "a--b", "Vhds", "a_b", "oauth2", "discovery"}) {
    EXPECT_FALSE(is_container_name(bad)) << bad;
  }
}

TEST(Uri, IsThatOfABlobOfThisServer) {
  const auto place = parse_uri("https://LOCALHOST:8443/acct/vhds/a%20b/disk.vhd", base);
  ASSERT_TRUE(place) << place.error().message;
  EXPECT_EQ(place->account, "acct");
  EXPECT_EQ(place->container, "vhds");
  EXPECT_EQ(place->name, "a b/disk.vhd");
  for (const char* bad :
       {"", "https://acct.blob.core.windows.net/vhds/d.vhd", "https://localhost:84430/acct/vhds/d",
        "https://localhost:8443", "https://localhost:8443/acct/vhds",
        "https://localhost:8443/acct/vhds/", "https://localhost:8443/acct/vhds/../d",
        "https://localhost:8443/acct/vhds/%2e%2e/d", "https://localhost:8443/Acct/vhds/d",
        "https://localhost:8443/acct/vhds/d?sig=x", "https://localhost:8443/acct/vhds/%zz",
        "http://localhost:8443/acct/vhds/d"}) {
    EXPECT_FALSE(parse_uri(bad, base)) << bad;
  }
}

class Rows : public testing::Test {
 protected:
  Rows() : kv_(kv::open_memory()), model_(*kv_, clock_, *random_) {}

  void put_account(const std::string& unique) {
    ASSERT_TRUE(model_.change("s", [&](model::Change& change) -> Result<> {
      model::Resource row;
      row.id = id_;
      set_path(row.internal, "unique", unique);
      return change.put(row);
    }));
  }

  std::vector<std::string> find_orphans(std::size_t rows_max = 100, std::string from = {}) {
    std::vector<std::string> found;
    EXPECT_TRUE(model_.read("s", [&](const model::View& view) -> Result<> {
      found = TRY(orphans(view, from, rows_max));
      return {};
    }));
    return found;
  }

  const arm::ResourceId id_ = *arm::ResourceId::parse(
      "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct");
  ManualClock clock_;
  std::unique_ptr<Random> random_ = seeded_random(1);
  std::unique_ptr<kv::Kv> kv_;
  model::Model model_;
};

std::string code_of(const Result<>& done) {
  return done ? "" : done.error().code;
}

TEST_F(Rows, AreListedInOrderFromAName) {
  ASSERT_TRUE(model_.change("s", [&](model::Change& change) -> Result<> {
    for (const char* name : {"b", "a", "c/d"}) {
      TRY(put_blob(change, "1", {.name = name, .id = name, .size_bytes = 512, .etag = "0x1"}));
    }
    TRY(put_blob(change, "10", {.name = "of another", .id = "x"}));
    return {};
  }));
  ASSERT_TRUE(model_.read("s", [&](const model::View& view) -> Result<> {
    const auto all = TRY(list_blobs(view, "1", "", 100));
    EXPECT_EQ(all.size(), 3U);
    const auto some = TRY(list_blobs(view, "1", "b", 100));
    EXPECT_EQ(some.size(), 2U);
    EXPECT_EQ(some.at(1).name, "c/d");
    EXPECT_EQ(TRY(find_blob(view, "1", "a"))->size_bytes, 512U);
    EXPECT_FALSE(TRY(find_blob(view, "1", "d")));
    EXPECT_EQ(TRY(all_ids(view)), (std::set<std::string>{"a", "b", "c/d", "x"}));
    return {};
  }));
}

TEST_F(Rows, GoWithWhatTheyWereIn) {
  put_account("u1");
  ASSERT_TRUE(model_.change("s", [&](model::Change& change) -> Result<> {
    TRY(add_container(change, "u1", {.name = "kept", .id = "k"}));
    TRY(add_container(change, "u0", {.name = "of-one-that-was", .id = "o"}));
    TRY(put_blob(change, "k", {.name = "kept", .id = "1"}));
    TRY(put_blob(change, "o", {.name = "gone", .id = "2"}));
    TRY(put_blob(change, "never", {.name = "gone", .id = "3"}));
    return {};
  }));
  const std::vector<std::string> all{"account/u0", "blob/never/gone", "blob/o/gone",
                                     "container/u0/of-one-that-was"};
  EXPECT_EQ(find_orphans(), all);
  // However few at a time, one after the other.
  for (std::size_t rows = 1; rows <= all.size(); rows++) {
    std::vector<std::string> found;
    std::string from;
    while (found.size() <= all.size()) {
      const auto some = find_orphans(rows, from);
      found.insert(found.end(), some.begin(), some.end());
      if (some.size() < rows) break;
      from = some.back() + '\0';
    }
    EXPECT_EQ(found, all) << rows;
  }
  put_account("u2");  // the same name, another account
  EXPECT_EQ(find_orphans().size(), 7U);
}

// A step in each container and the account; what is refused is not counted.
TEST_F(Rows, AreCountedToTheirLimits) {
  const auto in_steps = [&](std::size_t from, std::size_t count, const auto& step) -> Result<> {
    for (std::size_t at = from; at < from + count; at += 100) {
      TRY(model_.change("s", [&](model::Change& change) -> Result<> {
        for (std::size_t i = at; i < std::min(at + 100, from + count); i++) TRY(step(change, i));
        return {};
      }));
    }
    return {};
  };
  const auto add = [&](const std::string& container, std::size_t from, std::size_t count) {
    return in_steps(from, count, [&](model::Change& change, std::size_t i) -> Result<> {
      const auto row = TRY(find_container(change, "u", container));
      return add_blob(change, "u", *row, {.name = std::to_string(i), .id = "x"});
    });
  };
  const auto take = [&](const std::string& container) {
    return model_.change("s", [&](model::Change& change) -> Result<> {
      return take_container(change, "u", *TRY(find_container(change, "u", container)));
    });
  };
  const auto add_one = [](model::Change& change, std::size_t i) {
    const auto name = fmt::format("{:03}", i);
    return add_container(change, "u", {.name = name, .id = name});
  };
  ASSERT_TRUE(in_steps(0, containers_max, add_one));
  EXPECT_EQ(code_of(in_steps(containers_max, 1, add_one)), "ContainerQuotaExceeded");
  ASSERT_TRUE(add("000", 0, blobs_max));
  EXPECT_EQ(code_of(add("000", blobs_max, 1)), "BlobQuotaExceeded");
  ASSERT_TRUE(model_.change("s", [&](model::Change& change) -> Result<> {
    return take_blob(change, "u", *TRY(find_container(change, "u", "000")), "7");
  }));
  ASSERT_TRUE(add("000", 7, 1));
  for (std::size_t i = 1; i < account_blobs_max / blobs_max; i++) {
    ASSERT_TRUE(add(fmt::format("{:03}", i), 0, blobs_max));
  }
  EXPECT_EQ(code_of(add("500", 0, 1)), "BlobQuotaExceeded");
  ASSERT_TRUE(take("003"));
  ASSERT_TRUE(add("500", 0, blobs_max));
  EXPECT_EQ(code_of(add("501", 0, 1)), "BlobQuotaExceeded");
}

}  // namespace
}  // namespace pinaco::blob
