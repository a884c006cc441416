// The contract of a PackStore, held by a folder.
#include <sys/stat.h>

#include "store/test_store.h"

namespace pinaco::store {
namespace {

ObjectName pack(std::uint8_t number) {
  ObjectName name{.kind = ObjectKind::pack, .digest = {}};
  name.digest.bytes[0] = number;
  return name;
}

Result<> put(PackStore& store, const ObjectName& name, std::string_view a, std::string_view b) {
  const ByteView parts[] = {as_bytes(a), as_bytes(b)};
  return store.put(name, parts);
}

using FolderStoreTest = StoreTest;

TEST_F(FolderStoreTest, GivesBackWhatWasPut) {
  const auto store = folder("a");
  ASSERT_TRUE(good(put(*store, pack(1), "hello ", "world")));
  ASSERT_TRUE(good(put(*store, pack(1), "hello ", "world")));  // repeatable
  const auto bytes = store->get(pack(1), 4, 4);
  ASSERT_TRUE(good(bytes));
  EXPECT_EQ(as_text(*bytes), "o wo");
  EXPECT_EQ(store->find_size(pack(1)).value(), 11U);
  const auto list = store->list(ObjectKind::pack);
  ASSERT_TRUE(good(list));
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front(), (std::pair<ObjectName, std::uint64_t>(pack(1), 11)));
  EXPECT_TRUE(store->list(ObjectKind::manifest)->empty());
}

TEST_F(FolderStoreTest, SaysWhatIsAbsentAndWhatIsTooShort) {
  const auto store = folder("a");
  EXPECT_EQ(store->get(pack(1), 0, 1).error().kind, Kind::not_found);
  EXPECT_EQ(store->find_size(pack(1)).value(), std::nullopt);
  ASSERT_TRUE(good(put(*store, pack(1), "abc", "")));
  EXPECT_EQ(store->get(pack(1), 1, 3).error().kind, Kind::corrupt);
  EXPECT_EQ(store->get(pack(1), UINT64_MAX, UINT64_MAX).error().kind, Kind::corrupt);
}

TEST_F(FolderStoreTest, ReplacesAnObjectOfAnotherLength) {
  const auto store = folder("a");
  ASSERT_TRUE(good(put(*store, pack(1), "cut", "")));
  ASSERT_TRUE(good(put(*store, pack(1), "cut off", "")));
  EXPECT_EQ(store->find_size(pack(1)).value(), 7U);
}

TEST_F(FolderStoreTest, SetAsideIsNotFoundAndComesBackWhole) {
  const auto store = folder("a");
  ASSERT_TRUE(good(put(*store, pack(1), "abc", "")));
  ASSERT_TRUE(good(store->set_aside(pack(1))));
  EXPECT_EQ(store->find_size(pack(1)).value(), std::nullopt);
  EXPECT_EQ(store->get(pack(1), 0, 1).error().kind, Kind::not_found);
  EXPECT_TRUE(store->list(ObjectKind::pack)->empty());
  EXPECT_EQ(store->set_aside(pack(1)).error().kind, Kind::not_found);
  ASSERT_TRUE(good(store->restore(pack(1))));
  EXPECT_EQ(as_text(*store->get(pack(1), 0, 3)), "abc");
  EXPECT_EQ(store->restore(pack(1)).error().kind, Kind::not_found);
}

TEST_F(FolderStoreTest, PurgesWhatWasSetAsideLongEnoughAgo) {
  const auto store = folder("a");
  ASSERT_TRUE(good(put(*store, pack(1), "old", "")));
  ASSERT_TRUE(good(put(*store, pack(2), "young", "")));
  ASSERT_TRUE(good(store->set_aside(pack(1))));
  clock_.advance(Seconds(3600));
  ASSERT_TRUE(good(store->set_aside(pack(2))));
  EXPECT_EQ(store->purge(Seconds(3601)).value(), 0U);
  EXPECT_EQ(store->purge(Seconds(3600)).value(), 3U);
  EXPECT_FALSE(store->restore(pack(1)).has_value());
  EXPECT_TRUE(good(store->restore(pack(2))));
}

TEST_F(FolderStoreTest, PutIsFineWhileTheSameIsSetAside) {
  const auto store = folder("a");
  ASSERT_TRUE(good(put(*store, pack(1), "abc", "")));
  ASSERT_TRUE(good(store->set_aside(pack(1))));
  ASSERT_TRUE(good(put(*store, pack(1), "abc", "")));
  clock_.advance(Seconds(1));
  EXPECT_EQ(store->purge(Seconds(0)).value(), 3U);
  EXPECT_EQ(as_text(*store->get(pack(1), 0, 3)), "abc");
}

TEST_F(FolderStoreTest, RemovesTheTemporariesOfTheDeadOnly) {
  const auto alive = folder("a");
  const std::string temporaries = temporary_.path() + "/a/temporary/";
  std::string session;
  for (const auto& entry : std::filesystem::directory_iterator(temporaries)) {
    session = entry.path().stem();
  }
  std::ofstream(temporaries + session + ".77") << "being written";
  std::ofstream(temporaries + "0011223344556677.0") << "left over";
  std::ofstream(temporaries + "0011223344556677.lock");
  std::ofstream(temporaries + "8899.5") << "left over without a lock";
  const auto second = folder("a");
  EXPECT_TRUE(std::filesystem::exists(temporaries + session + ".77"));
  EXPECT_FALSE(std::filesystem::exists(temporaries + "0011223344556677.0"));
  EXPECT_FALSE(std::filesystem::exists(temporaries + "0011223344556677.lock"));
  EXPECT_FALSE(std::filesystem::exists(temporaries + "8899.5"));
  ASSERT_TRUE(good(put(*alive, pack(1), "still", "works")));
}

TEST_F(FolderStoreTest, IsPrivateToTheUser) {
  const auto store = folder("a");
  ASSERT_TRUE(good(put(*store, pack(1), "secret", "")));
  ASSERT_TRUE(good(put(*store, pack(2), "secret", "")));
  ASSERT_TRUE(good(store->set_aside(pack(2))));
  std::size_t seen = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(temporary_.path() + "/a")) {
    struct stat status = {};
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 077U, 0U) << entry.path();
    ++seen;
  }
  EXPECT_GT(seen, 6U);
}

}  // namespace
}  // namespace pinaco::store
