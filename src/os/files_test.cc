// Files against the real file system: what is written is there, private, whole and durable in
// the right order.
#include "os/files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "os/test_folder.h"

namespace pinaco::os {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t mib = 1 << 20;

mode_t mode_of(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::uint64_t bytes_on_disk(const File& file) {
  struct stat status = {};
  EXPECT_EQ(::fstat(file.descriptor(), &status), 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

Result<> put(const std::string& path, std::string_view text) {
  return write_file_durably(path, as_bytes(text));
}

TEST(Files, ReadsBackWhatWasWrittenAtAnOffset) {
  const TestFolder folder;
  const auto file = File::create(folder / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write_exact(5000, as_bytes("hello")));
  ASSERT_TRUE(file->sync());
  Bytes read(5);
  ASSERT_TRUE(file->read_exact(5000, read));
  EXPECT_EQ(as_text(read), "hello");
  EXPECT_EQ(*file->size_bytes(), 5005u);
}

TEST(Files, SaysCorruptWhenAFileEndsTooEarly) {
  const TestFolder folder;
  ASSERT_TRUE(put(folder / "a", "12345"));
  const auto file = File::open_read(folder / "a");
  ASSERT_TRUE(file);
  Bytes read(3);
  const auto result = file->read_exact(3, read);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Kind::corrupt);
  EXPECT_THAT(result.error().message, HasSubstr("offset 5"));
}

TEST(Files, TellsAbsentFromExisting) {
  const TestFolder folder;
  EXPECT_EQ(File::open_read(folder / "a").error().kind, Kind::not_found);
  EXPECT_EQ(File::open_write(folder / "a").error().kind, Kind::not_found);
  EXPECT_FALSE(*exists(folder / "a"));
  ASSERT_TRUE(File::create(folder / "a"));
  EXPECT_TRUE(*exists(folder / "a"));
  EXPECT_EQ(File::create(folder / "a").error().kind, Kind::conflict);
}

TEST(Files, RefusesOffsetsBeyondWhatAFileCanHold) {
  const TestFolder folder;
  const auto file = File::create(folder / "a");
  ASSERT_TRUE(file);
  Bytes bytes(1);
  const std::uint64_t most = ~std::uint64_t{0};
  EXPECT_EQ(file->read_exact(most, bytes).error().kind, Kind::invalid);
  EXPECT_EQ(file->write_exact(most, bytes).error().kind, Kind::invalid);
  EXPECT_EQ(file->punch(1, most).error().kind, Kind::invalid);
  EXPECT_EQ(file->resize(most).error().kind, Kind::invalid);
}

TEST(Files, AFileOpenedForReadingCannotBeWritten) {
  const TestFolder folder;
  ASSERT_TRUE(put(folder / "a", "x"));
  const auto file = File::open_read(folder / "a");
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->write_exact(0, as_bytes("y")));
}

TEST(Files, AreForTheirOwnerOnly) {
  const TestFolder folder;
  ASSERT_TRUE(make_folders(folder / "one/two"));
  ASSERT_TRUE(File::create(folder / "one/two/a"));
  ASSERT_TRUE(put(folder / "one/two/b", "x"));
  ASSERT_TRUE(lock_file(folder / "one/two/c"));
  EXPECT_EQ(mode_of(folder / "one"), 0700u);
  EXPECT_EQ(mode_of(folder / "one/two"), 0700u);
  EXPECT_EQ(mode_of(folder / "one/two/a"), 0600u);
  EXPECT_EQ(mode_of(folder / "one/two/b"), 0600u);
  EXPECT_EQ(mode_of(folder / "one/two/c"), 0600u);
}

TEST(Files, AMovedFromFileOwnsNothing) {
  const TestFolder folder;
  File first = *File::create(folder / "a");
  const int descriptor = first.descriptor();
  File second;
  second = std::move(first);
  EXPECT_FALSE(first.is_open());  // NOLINT: this is the claim
  EXPECT_EQ(second.descriptor(), descriptor);
  second = *File::create(folder / "b");
  EXPECT_TRUE(second.is_open());
}

TEST(Files, SpansTellDataFromHolesWithoutGaps) {
  const TestFolder folder;
  const auto file = File::create(folder / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->resize(10 * mib));
  ASSERT_TRUE(file->write_exact(2 * mib, Bytes(mib, 1)));
  ASSERT_TRUE(file->write_exact(6 * mib, Bytes(mib, 1)));
  const auto spans = file->spans(0, 10 * mib);
  ASSERT_TRUE(spans);
  std::uint64_t at = 0;
  for (const auto& span : *spans) {
    EXPECT_EQ(span.offset, at);
    EXPECT_GT(span.length, 0u);
    at += span.length;
  }
  EXPECT_EQ(at, 10 * mib);
  ASSERT_EQ(spans->size(), 5u) << "the file system of the test keeps no holes";
  EXPECT_TRUE((*spans)[0].hole);
  EXPECT_FALSE((*spans)[1].hole);
  EXPECT_EQ((*spans)[1].offset, 2 * mib);
  EXPECT_EQ((*spans)[1].length, mib);
  EXPECT_TRUE((*spans)[4].hole);
}

TEST(Files, SpansAreCutToTheRangeAsked) {
  const TestFolder folder;
  const auto file = File::create(folder / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->resize(8 * mib));
  ASSERT_TRUE(file->write_exact(2 * mib, Bytes(2 * mib, 1)));
  const auto inside = file->spans(3 * mib, 3 * mib);
  ASSERT_TRUE(inside);
  ASSERT_EQ(inside->size(), 2u);
  EXPECT_EQ((*inside)[0].offset, 3 * mib);
  EXPECT_FALSE((*inside)[0].hole);
  EXPECT_EQ((*inside)[1].offset, 4 * mib);
  EXPECT_EQ((*inside)[1].length, 2 * mib);
  EXPECT_TRUE((*inside)[1].hole);
  // Ends inside a hole that goes on, and inside data that goes on.
  const auto hole = file->spans(0, mib);
  ASSERT_EQ(hole->size(), 1u);
  EXPECT_EQ((*hole)[0].length, mib);
  const auto data = file->spans(2 * mib, mib);
  ASSERT_EQ(data->size(), 1u);
  EXPECT_EQ((*data)[0].length, mib);
  EXPECT_TRUE(file->spans(8 * mib, 0)->empty());
  EXPECT_EQ(file->spans(7 * mib, 2 * mib).error().kind, Kind::corrupt);
}

TEST(Files, PunchedBytesReadAsZerosAndTakeNoSpace) {
  const TestFolder folder;
  const auto file = File::create(folder / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write_exact(0, Bytes(4 * mib, 7)));
  ASSERT_TRUE(file->sync());
  const auto before = bytes_on_disk(*file);
  ASSERT_TRUE(file->punch(mib, 2 * mib));
  Bytes read(4 * mib);
  ASSERT_TRUE(file->read_exact(0, read));
  EXPECT_TRUE(is_zero(ByteView(read).subspan(mib, 2 * mib)));
  EXPECT_EQ(read[mib - 1], 7);
  EXPECT_EQ(read[3 * mib], 7);
  EXPECT_EQ(*file->size_bytes(), 4 * mib);
  EXPECT_LT(bytes_on_disk(*file), before);
}

TEST(Files, ResizingGrowsWithZerosAndCuts) {
  const TestFolder folder;
  const auto file = File::create(folder / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write_exact(0, as_bytes("abc")));
  ASSERT_TRUE(file->resize(6));
  Bytes read(6);
  ASSERT_TRUE(file->read_exact(0, read));
  EXPECT_EQ(as_text(read), std::string_view("abc\0\0\0", 6));
  ASSERT_TRUE(file->resize(2));
  EXPECT_EQ(*file->size_bytes(), 2u);
}

TEST(Files, MakingFoldersTwiceIsFineAndAFileInTheWayIsNot) {
  const TestFolder folder;
  ASSERT_TRUE(make_folders(folder / "a/b/c/"));
  EXPECT_TRUE(make_folders(folder / "a/b/c"));
  EXPECT_TRUE(*exists(folder / "a/b/c"));
  ASSERT_TRUE(put(folder / "file", "x"));
  EXPECT_EQ(make_folders(folder / "file").error().kind, Kind::conflict);
  EXPECT_FALSE(make_folders(folder / "file/below"));
  EXPECT_EQ(make_folders("").error().kind, Kind::invalid);
}

TEST(Files, ListsNamesInOrder) {
  const TestFolder folder;
  EXPECT_TRUE(list_folder(folder.path())->empty());
  for (const auto* name : {"b", ".hidden", "a"}) ASSERT_TRUE(put(folder / name, "x"));
  ASSERT_TRUE(make_folders(folder / "c"));
  EXPECT_THAT(*list_folder(folder.path()), ElementsAre(".hidden", "a", "b", "c"));
  EXPECT_EQ(list_folder(folder / "absent").error().kind, Kind::not_found);
}

TEST(Files, RemovingWhatIsAbsentIsFine) {
  const TestFolder folder;
  ASSERT_TRUE(put(folder / "a", "x"));
  EXPECT_TRUE(remove_file(folder / "a"));
  EXPECT_TRUE(remove_file(folder / "a"));
  EXPECT_FALSE(*exists(folder / "a"));
}

TEST(Files, RenamingReplacesTheTargetAlsoAcrossFolders) {
  const TestFolder folder;
  ASSERT_TRUE(make_folders(folder / "other"));
  ASSERT_TRUE(put(folder / "a", "new"));
  ASSERT_TRUE(put(folder / "other/b", "old"));
  ASSERT_TRUE(rename_durably(folder / "a", folder / "other/b"));
  EXPECT_EQ(*read_file(folder / "other/b", 100), "new");
  EXPECT_FALSE(*exists(folder / "a"));
  EXPECT_EQ(rename_durably(folder / "a", folder / "c").error().kind, Kind::not_found);
}

TEST(Files, ReadsAWholeFileUpToItsLimit) {
  const TestFolder folder;
  const std::string text(200'000, 'x');
  ASSERT_TRUE(put(folder / "a", text));
  EXPECT_EQ(*read_file(folder / "a", text.size()), text);
  EXPECT_EQ(*read_file(folder / "a", ~std::size_t{0}), text);
  EXPECT_EQ(read_file(folder / "a", text.size() - 1).error().kind, Kind::invalid);
  ASSERT_TRUE(put(folder / "empty", ""));
  EXPECT_EQ(*read_file(folder / "empty", 0), "");
}

TEST(Files, ReadsFilesThatClaimToBeEmpty) {
  EXPECT_THAT(*read_file("/proc/self/status", mib), HasSubstr("VmRSS"));
}

TEST(Files, ADurableWriteReplacesTheWholeAndLeavesNothingBeside) {
  const TestFolder folder;
  ASSERT_TRUE(put(folder / "a", "a long first content"));
  ASSERT_TRUE(put(folder / "a", "short"));
  EXPECT_EQ(*read_file(folder / "a", 100), "short");
  EXPECT_THAT(*list_folder(folder.path()), ElementsAre("a"));
}

TEST(Files, AFailedDurableWriteLeavesNothingBeside) {
  const TestFolder folder;
  ASSERT_TRUE(make_folders(folder / "a/b"));  // a folder that is not empty cannot be replaced
  EXPECT_FALSE(put(folder / "a", "x"));
  EXPECT_THAT(*list_folder(folder.path()), ElementsAre("a"));
  EXPECT_EQ(put(folder / "absent/a", "x").error().kind, Kind::not_found);
}

TEST(Files, AReaderOfADurablyWrittenFileSeesOneContentWhole) {
  const TestFolder folder;
  const std::string one(50'000, '1');
  const std::string two(30'000, '2');
  ASSERT_TRUE(put(folder / "a", one));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(put(folder / "a", i % 2 ? one : two));
    done = true;
  });
  while (!done) {
    const auto read = read_file(folder / "a", mib);
    ASSERT_TRUE(read);
    EXPECT_TRUE(*read == one || *read == two);
  }
  writer.join();
}

TEST(Files, ALockIsHeldByOneAndFreedAtItsEnd) {
  const TestFolder folder;
  auto first = lock_file(folder / "lock");
  ASSERT_TRUE(first);
  const auto second = lock_file(folder / "lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, Kind::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("another process"));
  *first = File();
  EXPECT_TRUE(lock_file(folder / "lock"));
}

TEST(Files, AnInheritedLockIsTheSameLock) {
  const TestFolder folder;
  const auto lock = lock_file(folder / "lock").value();
  const auto same = inherited_lock(::dup(lock.descriptor()), folder / "lock");
  EXPECT_TRUE(same);
  const auto other = File::open_write(folder / "lock").value();
  EXPECT_EQ(inherited_lock(other.descriptor(), folder / "lock").error().kind, Kind::conflict);
  const auto elsewhere = lock_file(folder / "elsewhere").value();
  EXPECT_EQ(inherited_lock(elsewhere.descriptor(), folder / "lock").error().kind, Kind::conflict);
  EXPECT_EQ(inherited_lock(-1, folder / "lock").error().kind, Kind::conflict);
}

TEST(Files, AFolderIsRemovedWithAllItHolds) {
  const TestFolder folder;
  ASSERT_TRUE(make_folders(folder / "a/b"));
  ASSERT_TRUE(File::create(folder / "a/b/c"));
  ASSERT_TRUE(remove_folder(folder / "a"));
  EXPECT_FALSE(exists(folder / "a").value());
  EXPECT_TRUE(remove_folder(folder / "a"));
}

TEST(Files, TellsTheFreeSpace) {
  const TestFolder folder;
  EXPECT_GT(*free_bytes(folder.path()), 0u);
  EXPECT_EQ(free_bytes(folder / "absent").error().kind, Kind::not_found);
}

TEST(Files, SyncingAFolderNeedsAFolder) {
  const TestFolder folder;
  EXPECT_TRUE(sync_folder(folder.path()));
  ASSERT_TRUE(put(folder / "a", "x"));
  EXPECT_FALSE(sync_folder(folder / "a"));
}

}  // namespace
}  // namespace pinaco::os
