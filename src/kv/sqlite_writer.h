// The writer: one thread and one connection through which every change goes, and the only one
// that checkpoints (SQLite up to 3.51.2 can corrupt a log that two connections reset).
//
// Group commit: the thread takes what waits, runs each change in a savepoint of one transaction
// and commits once. A change that fails is undone alone. Nobody is answered before the commit,
// not even with an error, since an error may rest on what a neighbour in the group wrote.
//
// Threads: change() from any but the writer's own. Limits: waiting_max changes wait; the next
// waits for room up to ten seconds, then busy. Errors: when the commit fails, unavailable for
// the whole group; when the disk failed at it, for all that follow, until the database is opened
// anew: what the kernel still holds after a failed fsync is not known.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "kv/limits.h"
#include "kv/sqlite_session.h"
#include "kv/watch.h"

namespace pinaco::kv {

class Writer {
 public:
  using Function = std::function<Result<>(Transaction&)>;

  static Result<std::unique_ptr<Writer>> open(const std::string& path, Watch& watch);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Result<Revision> change(std::string_view shard, const Function& function);
  std::uint64_t commits() const { return commits_; }  // groups that wrote
  std::size_t waiting();                              // changes in the queue

 private:
  friend class WriterTransaction;
  struct Waiting {
    std::string_view shard;
    const Function& function;
    Result<Revision> result = 0;
    bool answered = false;
    std::condition_variable changed;
  };
  struct Shard {
    Revision revision = 0;
    std::size_t writes_uncut = changes_slack;  // since its old changes were looked at
  };
  struct Statements {
    Statement begin, commit, rollback, savepoint, release, undo;
    Statement put, erase, add_change, put_shard, oldest_kept, cut_changes;
  };
  using Group = std::vector<Waiting*>;
  using Touched = std::map<std::string, Shard, std::less<>>;

  Writer(std::unique_ptr<Session> session, Watch& watch)
      : session_(std::move(session)), watch_(watch) {}
  Result<> prepare();
  void work();
  Waiting* next();  // of the queue, or nullptr
  Result<> run_group(Group& group);
  Result<> run_one(Waiting& waiting, Touched& touched);
  Result<> record(Touched& touched);
  Result<> commit(const Touched& touched);
  void answer(const Group& group, const Result<>& outcome);
  Shard& touch(Touched& touched, std::string_view shard) const;
  void checkpoint_if_due();

  const std::unique_ptr<Session> session_;
  Watch& watch_;
  Statements statements_;
  Touched shards_;          // as committed; of the writer's thread alone, as what follows
  int log_pages_ = 0;       // in the write-ahead log
  int log_pages_seen_ = 0;  // at the last checkpoint
  std::atomic<bool> broken_ = false;
  std::atomic<std::uint64_t> commits_ = 0;

  std::mutex mutex_;
  std::condition_variable came_;  // for the writer
  std::condition_variable room_;  // for those who want to join the queue
  std::deque<Waiting*> queue_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace pinaco::kv
