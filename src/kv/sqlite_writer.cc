// Group commit, checkpoints, and the forgetting of old changes.
#include "kv/sqlite_writer.h"

#include <fmt/format.h>

#include "base/log.h"

namespace pinaco::kv {
namespace {

constexpr std::size_t waiting_max = 256;
constexpr auto room_timeout = Seconds(10);
constexpr std::size_t group_max = 128;
constexpr auto group_time = Milliseconds(5);
constexpr int checkpoint_pages = 1'000;  // 4 MiB of log
// From here a checkpoint waits shortly for readers, so that the log can begin anew.
constexpr int large_log_pages = 16'384;
constexpr int restart_wait_ms = 100;

}  // namespace

// One change: writes with the revision it will have. The savepoint is opened by the first write.
class WriterTransaction final : public Transaction {
 public:
  WriterTransaction(Writer& writer, std::string_view shard, Revision revision)
      : writer_(writer), reader_(*writer.session_, shard), shard_(shard), revision_(revision) {}

  Result<std::optional<Row>> find(std::string_view key) override { return reader_.find(key); }
  Result<std::vector<Row>> range(std::string_view begin, std::string_view end,
                                 std::size_t rows_max) override {
    return reader_.range(begin, end, rows_max);
  }
  Result<std::vector<Row>> range_back(std::string_view begin, std::string_view end,
                                      std::size_t rows_max) override {
    return reader_.range_back(begin, end, rows_max);
  }

  Result<> put(std::string_view key, std::string_view value) override {
    TRY(open());
    auto run = writer_.statements_.put.run();
    run.bind(1, shard_).bind(2, key).bind(3, value).bind(4, revision_);
    TRY(run.step());
    return remember(key);
  }

  Result<> erase(std::string_view key) override {
    TRY(open());
    auto run = writer_.statements_.erase.run();
    run.bind(1, shard_).bind(2, key);
    TRY(run.step());
    if (sqlite3_changes(writer_.session_->database().handle()) == 0) return {};
    return remember(key);
  }

  // Keeps or undoes the writes; how many were kept.
  Result<std::size_t> close(bool keep) {
    if (!open_) return 0;
    if (!keep) TRY(writer_.statements_.undo.execute());
    TRY(writer_.statements_.release.execute());
    return keep ? writes_ : 0;
  }

 private:
  Result<> open() {
    if (!open_) TRY(writer_.statements_.savepoint.execute());
    open_ = true;
    return {};
  }

  Result<> remember(std::string_view key) {
    auto run = writer_.statements_.add_change.run();
    run.bind(1, shard_).bind(2, revision_).bind(3, key);
    TRY(run.step());
    ++writes_;
    return {};
  }

  Writer& writer_;
  SessionReader reader_;
  const std::string_view shard_;
  const Revision revision_;
  bool open_ = false;
  std::size_t writes_ = 0;
};

Result<std::unique_ptr<Writer>> Writer::open(const std::string& path, Watch& watch) {
  auto session = TRY(Session::open_to_write(path));  // not inside new: its memory would leak
  std::unique_ptr<Writer> writer(new Writer(std::move(session), watch));
  TRY(writer->prepare());
  for (const auto& [shard, revision] : TRY(writer->session_->shards())) {
    writer->shards_[shard].revision = revision;
    watch.publish(shard, revision);
  }
  writer->thread_ = std::thread([self = writer.get()] { self->work(); });
  return writer;
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    came_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

Result<> Writer::prepare() {
  const auto prepared = [&](const char* sql) {
    return Statement::prepare(session_->database(), sql);
  };
  auto& to = statements_;
  to.begin = TRY(prepared("BEGIN IMMEDIATE"));
  to.commit = TRY(prepared("COMMIT"));
  to.rollback = TRY(prepared("ROLLBACK"));
  to.savepoint = TRY(prepared("SAVEPOINT change"));
  to.release = TRY(prepared("RELEASE change"));
  to.undo = TRY(prepared("ROLLBACK TO change"));
  to.put =
      TRY(prepared("INSERT INTO rows (shard, key, value, revision) VALUES (?1, ?2, ?3, ?4) "
                   "ON CONFLICT (shard, key) DO UPDATE "
                   "SET value = excluded.value, revision = excluded.revision"));
  to.erase = TRY(prepared("DELETE FROM rows WHERE shard = ?1 AND key = ?2"));
  to.add_change =
      TRY(prepared("INSERT OR IGNORE INTO changes (shard, revision, key) VALUES (?1, ?2, ?3)"));
  to.put_shard =
      TRY(prepared("INSERT INTO shards (shard, revision) VALUES (?1, ?2) "
                   "ON CONFLICT (shard) DO UPDATE SET revision = excluded.revision"));
  to.oldest_kept =
      TRY(prepared("SELECT revision FROM changes WHERE shard = ?1 "
                   "ORDER BY revision DESC, key DESC LIMIT 1 OFFSET ?2"));
  to.cut_changes = TRY(prepared("DELETE FROM changes WHERE shard = ?1 AND revision < ?2"));
  const auto note_log = [](void* self, sqlite3*, const char*, int pages) {
    static_cast<Writer*>(self)->log_pages_ = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(session_->database().handle(), note_log, this);
  return {};
}

Result<Revision> Writer::change(std::string_view shard, const Function& function) {
  CHECK(std::this_thread::get_id() != thread_.get_id());  // a change inside a change
  Waiting waiting{.shard = shard, .function = function, .changed = {}};
  std::unique_lock lock(mutex_);
  if (!room_.wait_for(lock, room_timeout, [&] { return queue_.size() < waiting_max; })) {
    return fail(Kind::busy,
                "the database has more changes waiting than it can take: try again "
                "later");
  }
  queue_.push_back(&waiting);
  came_.notify_one();
  waiting.changed.wait(lock, [&] { return waiting.answered; });
  return std::move(waiting.result);
}

std::size_t Writer::waiting() {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Writer::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      came_.wait(lock, [&] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
    }
    Group group;
    const Result<> outcome = run_group(group);
    answer(group, outcome);
    checkpoint_if_due();
  }
}

Writer::Waiting* Writer::next() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return nullptr;
  Waiting* const first = queue_.front();
  queue_.pop_front();
  room_.notify_one();
  return first;
}

Result<> Writer::run_group(Group& group) {
  group.push_back(next());
  if (broken_) {
    return fail(Kind::unavailable,
                "the database could not write to its disk and takes no changes since: check the "
                "disk, then start again");
  }
  Touched touched;
  const auto run = [&]() -> Result<> {
    TRY(statements_.begin.execute());
    const auto end = system_clock().steady() + group_time;
    for (;;) {
      TRY(run_one(*group.back(), touched));
      if (group.size() == group_max || system_clock().steady() >= end) break;
      Waiting* const another = next();
      if (!another) break;
      group.push_back(another);
    }
    TRY(record(touched));
    return commit(touched);
  };
  auto outcome = run();
  // When this fails SQLite has already rolled back by itself.
  if (!outcome && session_->database().in_transaction()) statements_.rollback.execute();
  return outcome;
}

Result<> Writer::run_one(Waiting& waiting, Touched& touched) {
  const auto known = touched.find(waiting.shard);
  const auto before = known != touched.end() ? known : shards_.find(waiting.shard);
  const bool written = known != touched.end() || before != shards_.end();
  const Revision revision = written ? before->second.revision : 0;

  WriterTransaction transaction(*this, waiting.shard, revision + 1);
  CheckedTransaction checked(transaction);
  auto outcome = checked.outcome(waiting.function(checked));
  if (!session_->database().in_transaction()) {
    // An error such as a full disk made SQLite undo the whole group.
    if (!outcome) return outcome;
    return fail(Kind::unavailable, "the database undid the transaction by itself");
  }
  const std::size_t writes = TRY(transaction.close(outcome.has_value()));
  if (!outcome) {
    waiting.result = fail(std::move(outcome.error()));
    return {};
  }
  waiting.result = writes > 0 ? revision + 1 : revision;
  if (writes == 0) return {};
  Shard& shard = touch(touched, waiting.shard);
  shard.revision = revision + 1;
  shard.writes_uncut += writes;
  return {};
}

Writer::Shard& Writer::touch(Touched& touched, std::string_view shard) const {
  const auto found = touched.find(shard);
  if (found != touched.end()) return found->second;
  const auto committed = shards_.find(shard);
  return touched
      .emplace(std::string(shard), committed == shards_.end() ? Shard{} : committed->second)
      .first->second;
}

// What is due once a group, not once a change: the revisions and the cutting of old changes.
Result<> Writer::record(Touched& touched) {
  for (auto& [name, shard] : touched) {
    auto put = statements_.put_shard.run();
    put.bind(1, name).bind(2, shard.revision);
    TRY(put.step());
    if (shard.writes_uncut < changes_slack) continue;
    shard.writes_uncut = 0;
    auto oldest = statements_.oldest_kept.run();
    oldest.bind(1, name).bind(2, std::uint64_t{changes_kept - 1});
    if (!TRY(oldest.step())) continue;
    const Revision kept = oldest.number(0);
    auto cut = statements_.cut_changes.run();
    cut.bind(1, name).bind(2, kept);
    TRY(cut.step());
  }
  return {};
}

Result<> Writer::commit(const Touched& touched) {
  auto committed = statements_.commit.execute();
  if (!committed) {
    auto& error = committed.error();
    const int code = sqlite3_extended_errcode(session_->database().handle()) & 0xff;
    if (code == SQLITE_IOERR) broken_ = true;
    error.kind = Kind::unavailable;
    LOG(error, "kv", "a group of changes could not be committed: {}", error.message);
    return committed;
  }
  if (!touched.empty()) ++commits_;
  for (const auto& [name, shard] : touched) {
    shards_.insert_or_assign(name, shard);
    watch_.publish(name, shard.revision);
  }
  return {};
}

void Writer::answer(const Group& group, const Result<>& outcome) {
  const std::lock_guard lock(mutex_);
  for (Waiting* const waiting : group) {
    if (!outcome) waiting->result = fail(outcome.error());
    waiting->answered = true;
    // Under the lock: once it sees the answer, the waiting thread ends this object.
    waiting->changed.notify_one();
  }
}

void Writer::checkpoint_if_due() {
  if (log_pages_ < log_pages_seen_) log_pages_seen_ = 0;  // the log began anew
  if (log_pages_ - log_pages_seen_ < checkpoint_pages) return;
  log_pages_seen_ = log_pages_;
  sqlite3* const handle = session_->database().handle();
  const bool large = log_pages_ >= large_log_pages;
  if (large) sqlite3_busy_timeout(handle, restart_wait_ms);
  const int code = sqlite3_wal_checkpoint_v2(
      handle, nullptr, large ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, nullptr,
      nullptr);
  // Busy means readers: the next one gets further. After any other error the log still holds
  // everything, and the next checkpoint writes its pages again.
  if (code != SQLITE_OK && code != SQLITE_BUSY) {
    LOG(error, "kv", "{}", engine_error(handle, code, "checkpointing the database").message);
  }
}

}  // namespace pinaco::kv
