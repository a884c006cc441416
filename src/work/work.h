// Everything slow: the depot of bytes, and the workers that advance operations.
//
// What it is: the Depot owns the regions and the files of uploads under way. The Workers find
// operations in progress by their rows, run each as small repeatable steps and write what came of
// it; the janitor sweeps what nothing names any more. The sides that take requests and the sides
// that do the work meet only as rows.
// Threads: everything from any thread. Lifetime: model and depot outlive the workers; stopping
// cuts what runs, and the next start finds it again by its row. Limits: lanes operations at once;
// an operation that fails for reasons outside (unavailable, busy) is tried attempts_max times with
// growing pauses and then fails. Errors: those of the steps end in the operation's row.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/disk_reader.h"
#include "format/format.h"
#include "model/model.h"
#include "os/files.h"
#include "os/lanes.h"
#include "store/store.h"
#include "work/host.h"

namespace pinaco::work {

// The files that page-blob writes go to: one a disk under upload, named by the disk's unique id, or
// one a blob of a storage account. Bytes are on disk when write or clear returned.
class Uploads {
 public:
  static Result<std::unique_ptr<Uploads>> open(const std::string& folder);

  // Makes the file when it is not there; the range must lie inside size_bytes.
  Result<> write(const std::string& id, std::uint64_t size_bytes, std::uint64_t offset,
                 ByteView bytes);
  Result<> clear(const std::string& id, std::uint64_t size_bytes, std::uint64_t offset,
                 std::uint64_t length);
  // The whole upload as a source; what was never written reads as zeros.
  Result<std::shared_ptr<format::Source>> source(const std::string& id, std::uint64_t size_bytes);
  Result<> remove(const std::string& id);
  Result<std::vector<std::string>> list() const;

  // A file whose bytes are described by a row changes before its row says so. Who writes is a
  // Writing from before the first byte until the row was written; who reads the whole is a Watch
  // from before it reads the row. Neither waits for the other.
  class Writing {
   public:
    Writing(Uploads& uploads, std::string id);
    ~Writing();
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    void told() { told_ = true; }  // the row says it; else bytes may differ and nothing does

   private:
    Uploads& uploads_;
    const std::string id_;
    bool told_ = false;
  };
  class Watch {
   public:
    Watch(Uploads& uploads, std::string id);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // Nobody writes, and all who wrote since the start have told it: a row that is read now and
    // is the same as then describes what was read.
    bool row_tells_all() const;

   private:
    Uploads& uploads_;
    const std::string id_;
    std::uint64_t doubts_ = 0;
  };

 private:
  struct Traffic {
    std::size_t writes = 0;
    std::size_t watches = 0;
    std::uint64_t doubts = 0;  // writes that ended untold
  };
  explicit Uploads(std::string folder) : folder_(std::move(folder)) {}
  void forget_if_quiet(const std::string& id);  // with traffic_mutex_ held
  Result<os::File> open_whole(const std::string& id, std::uint64_t size_bytes, bool make);
  std::string path(const std::string& id) const { return folder_ + "/" + id + ".vhd"; }

  std::string folder_;
  std::mutex mutex_;  // of making files
  std::mutex traffic_mutex_;
  std::map<std::string, Traffic> traffic_;  // only of those that are written or watched now
};

class Depot {
 public:
  Depot(std::vector<std::shared_ptr<store::Region>> regions, std::unique_ptr<Uploads> uploads,
        std::unique_ptr<Uploads> blobs);

  const std::vector<std::shared_ptr<store::Region>>& regions() const { return regions_; }
  std::shared_ptr<store::Region> find_region(std::string_view name) const;  // or nullptr
  Uploads& uploads() { return *uploads_; }
  Uploads& blobs() { return *blobs_; }

  // A stored disk as a region sees it: what it lacks comes from the others. size_bytes beyond the
  // stored size reads as zeros; 0 takes the stored size.
  Result<std::shared_ptr<DiskReader>> open_disk(const Json& content, std::string_view region,
                                                std::uint64_t size_bytes) const;

 private:
  std::vector<std::shared_ptr<store::Region>> regions_;
  std::unique_ptr<Uploads> uploads_;
  std::unique_ptr<Uploads> blobs_;
};

struct WorkerOptions {
  std::size_t lanes = 4;
  std::size_t machine_lanes = 32;  // operations on machines, which mostly wait
  int attempts_max = 6;
  Milliseconds pause = Milliseconds(500);  // before the first repeat; doubles
  Milliseconds progress_every = Milliseconds(250);
  Milliseconds look_every = Seconds(5);  // after machines
  Seconds sweep_every = Seconds(600);
  Seconds purge_after = Seconds(600);  // set-aside objects are kept this long
  // What is to go by itself, before what no row names any more is looked for. It ends soon once the
  // flag says that the server stops.
  std::function<Result<>(const std::atomic<bool>& ending)> before_sweep = {};
  std::vector<std::string> folders = {};  // of this server: clients are not told what is in them
  // Tasks of rooms above this one, by their names: steps as all tasks are.
  using OtherTask =
      std::function<Result<>(const model::Operation& operation, const std::atomic<bool>& ending)>;
  std::map<std::string, OtherTask> other_tasks = {};
};

struct Bench;

class Workers {
 public:
  // Without a host, what needs one fails and says so.
  Workers(model::Model& model, Depot& depot, WorkerOptions options, Host* host = nullptr);
  ~Workers();

  void start();
  void stop();
  void kick();                   // something was written that may want work
  void drain();                  // waits until no operation is in progress; for tests
  Result<store::Swept> sweep();  // all regions, now
  // How many bytes would come back in each region if the resources that `goes` names were not
  // there: those of packs that no others need. Of versions that can be restored as of any other.
  using Freed = std::map<std::string, std::uint64_t>;
  Result<Freed> freed_without(const std::function<bool(const arm::ResourceId& id)>& goes);

 private:
  void run();
  struct Waiting {
    WallTime start = {};
    std::string id;
    std::string subscription;
    bool guests = false;  // has a lane of machines, which mostly wait
  };
  void dispatch();
  void work_on(const Waiting& waiting);
  Result<> step(model::Operation& operation);
  bool sweep_is_due();
  void look_after();
  Bench bench();

  model::Model& model_;
  Depot& depot_;
  Host* host_;
  const WorkerOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> running_;
  std::map<std::string, SteadyTime> not_before_;
  std::map<std::string, Waiting> waiting_;  // what the last look found, by id
  // Of those that wait for guests, and of the others: how many run, and at how many it is time to
  // look for more.
  std::size_t running_of_[2] = {};
  std::size_t refill_at_[2] = {};
  bool kicked_ = false;
  bool sweep_wanted_ = false;
  std::atomic<bool> ending_ = false;
  std::atomic<std::uint64_t> rounds_ = 0;
  SteadyTime last_sweep_ = {};
  SteadyTime last_look_ = {};
  std::atomic<bool> looking_ = false;
  std::atomic<bool> sweeping_ = false;
  std::unique_ptr<os::Lanes> lanes_;
  std::unique_ptr<os::Lanes> machine_lanes_;
  std::thread thread_;
};

}  // namespace pinaco::work
