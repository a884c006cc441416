// What only the SQLite engine promises: durability, one opener, groups, bounded logs, and clear
// refusals.
#include "kv/sqlite.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>

#include "os/test_folder.h"

namespace pinaco::kv {
namespace {

using testing::HasSubstr;

class Sqlite : public testing::Test {
 protected:
  void open() {
    auto opened = SqliteKv::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    kv_ = std::move(*opened);
  }
  Result<Revision> put(std::string_view key, std::string_view value) {
    return kv_->change("s", [&](Transaction& change) { return change.put(key, value); });
  }
  std::set<std::string> keys() {
    std::set<std::string> found;
    std::string begin;
    for (;;) {
      std::vector<Row> rows;
      EXPECT_TRUE(kv_->read("s", [&](Reader& reader) -> Result<> {
        rows = TRY(reader.range(begin, "", range_rows_max));
        return {};
      }));
      for (auto& row : rows) found.insert(row.key);
      if (rows.size() < range_rows_max) return found;
      begin = rows.back().key + '\0';
    }
  }

  const os::TestFolder folder_;
  const std::string path_ = folder_ / "kv.sqlite";
  std::unique_ptr<SqliteKv> kv_;
};

TEST_F(Sqlite, KeepsEverythingAcrossReopening) {
  open();
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(put("b", "2"));
  kv_.reset();
  open();
  EXPECT_EQ(keys(), (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(*kv_->revision("s"), 2u);
  EXPECT_EQ(*kv_->wait("s", 1, Milliseconds(0)), 2u);
  EXPECT_EQ(kv_->changes("s", 0, 10)->size(), 2u);
  EXPECT_EQ(*put("c", "3"), 3u);
}

TEST_F(Sqlite, RefusesASecondOpening) {
  open();
  const auto second = open_sqlite(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, Kind::conflict);
  kv_.reset();
  EXPECT_TRUE(open_sqlite(path_));
}

TEST_F(Sqlite, ItsFilesAreForTheirOwnerOnly) {
  open();
  ASSERT_TRUE(put("a", "1"));
  for (const auto* end : {"", "-wal", "-shm", ".lock"}) {
    struct stat status = {};
    ASSERT_EQ(::stat((path_ + end).c_str(), &status), 0) << end;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << end;
  }
}

// A kill cannot show a missing sync, since the kernel lives on; these settings are the promise.
TEST_F(Sqlite, SyncsEveryCommitAndOnlyTheWriterEverCheckpoints) {
  ASSERT_TRUE(os::File::create(path_));
  auto writing = Session::open_to_write(path_);
  ASSERT_TRUE(writing) << writing.error().message;
  auto& writer = (*writing)->database();
  EXPECT_EQ(*writer.value("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(*writer.value("PRAGMA synchronous"), "2");
  EXPECT_EQ(*writer.value("PRAGMA wal_autocheckpoint"), "0");
  auto reading = Session::open_to_read(path_);
  ASSERT_TRUE(reading) << reading.error().message;
  auto& reader = (*reading)->database();
  EXPECT_EQ(*reader.value("PRAGMA query_only"), "1");
  EXPECT_EQ(*reader.value("PRAGMA wal_autocheckpoint"), "0");
  EXPECT_FALSE(reader.run("DELETE FROM rows"));
  // Closed last, it must leave the log as it is.
  ASSERT_TRUE(writer.run("INSERT INTO rows VALUES (x'', x'', x'', 1)"));
  ASSERT_EQ(*reader.value("SELECT count(*) FROM rows"), "1");
  writing->reset();
  reading->reset();
  EXPECT_GT(std::filesystem::file_size(path_ + "-wal"), 0u);
}

TEST_F(Sqlite, CommitsWhatWaitsTogetherInOneGroup) {
  open();
  constexpr std::size_t others = 40;
  std::vector<std::thread> running;
  // The first change holds the writer until all others wait; they come once it does.
  std::atomic<bool> holding = false;
  running.emplace_back([&] {
    EXPECT_TRUE(kv_->change("s", [&](Transaction& change) {
      holding = true;
      while (kv_->writer().waiting() < others) std::this_thread::yield();
      return change.put("first", "1");
    }));
  });
  while (!holding) std::this_thread::yield();
  for (std::size_t i = 0; i < others; ++i) {
    running.emplace_back([&, i] { EXPECT_TRUE(put(std::to_string(i), "1")); });
  }
  for (auto& thread : running) thread.join();
  EXPECT_EQ(keys().size(), others + 1);
  EXPECT_EQ(*kv_->revision("s"), others + 1);
  // One group or two (a group also ends after some milliseconds), with slack for a slow machine.
  EXPECT_LE(kv_->writer().commits(), 8u);
}

TEST_F(Sqlite, NobodyIsAnsweredBeforeTheCommit) {
  open();
  ASSERT_TRUE(kv_->change("s", [&](Transaction& change) -> Result<> {
    TRY(change.put("a", "1"));
    EXPECT_TRUE(keys().empty()) << "a reader sees what is not committed";
    EXPECT_EQ(*kv_->revision("s"), 0u);
    return {};
  }));
  EXPECT_EQ(keys().size(), 1u);
}

TEST_F(Sqlite, TheLogBeginsAnewInsteadOfGrowing) {
  open();
  const std::string value(4096, 'v');
  for (int round = 0; round < 60; ++round) {
    ASSERT_TRUE(kv_->change("s", [&](Transaction& change) -> Result<> {
      for (int i = 0; i < 100; ++i) TRY(change.put(fmt::format("{}/{}", round, i), value));
      return {};
    }));
  }
  EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 10u << 20);  // of 24 MiB written
  EXPECT_GT(std::filesystem::file_size(path_), 10u << 20);
}

TEST_F(Sqlite, OldChangesAreCutFromTheFile) {
  open();
  for (int round = 0; round < 130; ++round) {
    ASSERT_TRUE(kv_->change("s", [&](Transaction& change) -> Result<> {
      for (int i = 0; i < 100; ++i) TRY(change.put(std::to_string(i), "v"));
      return {};
    }));
  }
  kv_.reset();
  auto database = Database::open(path_, Database::Access::read_only);
  ASSERT_TRUE(database);
  const int rows = std::stoi(*database->value("SELECT count(*) FROM changes"));
  EXPECT_GE(rows, 10'000);
  EXPECT_LE(rows, 11'000);
}

TEST_F(Sqlite, AFailedCommitIsUnavailableAndNoChangeIsTakenAfterIt) {
  open();
  ASSERT_TRUE(put("before", "1"));
  ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  struct rlimit old = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit low = old;
  low.rlim_cur = std::filesystem::file_size(path_ + "-wal");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &low), 0);
  const auto failed = put("failed", std::string(100'000, 'v'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, Kind::unavailable);

  const auto after = put("after", "1");
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().kind, Kind::unavailable);
  EXPECT_THAT(after.error().message, HasSubstr("start again"));
  EXPECT_EQ(keys(), (std::set<std::string>{"before"})) << "reading goes on";
  EXPECT_EQ(*kv_->revision("s"), 1u);

  kv_.reset();
  open();
  EXPECT_EQ(keys(), (std::set<std::string>{"before"}));
  EXPECT_EQ(*put("again", "1"), 2u);
}

TEST_F(Sqlite, RefusesADatabaseOfANewerVersion) {
  open();
  kv_.reset();
  {
    auto database = Database::open(path_, Database::Access::write);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->run("PRAGMA user_version = 99"));
  }
  const auto opened = open_sqlite(path_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, Kind::conflict);
  EXPECT_THAT(opened.error().message, HasSubstr("newer pinaco"));
}

TEST_F(Sqlite, RefusesADatabaseOfAnotherProgram) {
  ASSERT_TRUE(os::File::create(path_));
  {
    auto database = Database::open(path_, Database::Access::write);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->run("CREATE TABLE theirs (a)"));
  }
  const auto opened = open_sqlite(path_);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("another program"));
}

TEST_F(Sqlite, RefusesAFileThatIsNoDatabase) {
  const std::string text(5000, 'x');
  ASSERT_TRUE(os::write_file_durably(path_, as_bytes(text)));
  const auto opened = open_sqlite(path_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, Kind::corrupt);
  EXPECT_EQ(*os::read_file(path_, 10'000), text) << "it must stay as it was";
}

TEST_F(Sqlite, AnAbsentFolderIsNotFound) {
  EXPECT_EQ(open_sqlite(folder_ / "absent/kv").error().kind, Kind::not_found);
}

// What a child acknowledges over a pipe: the number of a transaction.
struct Acknowledged {
  std::uint32_t round;
  std::uint32_t thread;
  std::uint32_t number;
};

std::string key_of(const Acknowledged& change) {
  return fmt::format("{}/{}/{}", change.round, change.thread, change.number);
}

// Changes with all threads until killed; each transaction writes a row and its twin.
[[noreturn]] void change_for_ever(const std::string& path, std::uint32_t round, int report) {
  auto kv = open_sqlite(path);
  if (!kv) ::_exit(1);
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint32_t number = 0;; ++number) {
        const Acknowledged change{.round = round, .thread = thread, .number = number};
        const auto result = (*kv)->change("s", [&](Transaction& transaction) -> Result<> {
          TRY(transaction.put(key_of(change), std::string(number % 3000, 'v')));
          return transaction.put(key_of(change) + "/twin", "v");
        });
        if (!result) ::_exit(2);
        if (::write(report, &change, sizeof change) != sizeof change) ::_exit(3);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ::_exit(4);
}

// The keys acknowledged until the child was killed, which happens after `acknowledged` of them.
std::vector<std::string> run_and_kill(const std::string& path, std::uint32_t round,
                                      std::uint64_t acknowledged) {
  int ends[2] = {};
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    change_for_ever(path, round, ends[1]);
  }
  ::close(ends[1]);
  std::vector<std::string> keys;
  Acknowledged change = {};
  // What is still in the pipe after the kill was acknowledged before it.
  while (::read(ends[0], &change, sizeof change) == sizeof change) {
    keys.push_back(key_of(change));
    if (keys.size() == acknowledged) {
      EXPECT_EQ(::kill(child, SIGKILL), 0);
    }
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
  return keys;
}

TEST_F(Sqlite, LosesNothingAcknowledgedWhenKilled) {
  const auto random = seeded_random(7);
  std::set<std::string> acknowledged;
  for (std::uint32_t round = 0; round < 20; ++round) {
    for (auto& key : run_and_kill(path_, round, 1 + random->below(150))) {
      acknowledged.insert(std::move(key));
    }
    open();
    const auto there = keys();
    for (const auto& key : acknowledged) {
      ASSERT_TRUE(there.contains(key)) << key << " was lost in round " << round;
    }
    std::size_t twins = 0;
    for (const auto& key : there) twins += key.ends_with("/twin") ? 1 : 0;
    EXPECT_EQ(twins * 2, there.size()) << "half a transaction is there";
    EXPECT_EQ(*kv_->revision("s"), twins) << "one revision for each transaction";
    kv_.reset();
  }
  auto database = Database::open(path_, Database::Access::read_only);
  ASSERT_TRUE(database);
  EXPECT_EQ(*database->value("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace pinaco::kv
