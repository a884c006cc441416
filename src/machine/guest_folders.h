// The folders of guests that have a supervisor: who lives, whose turn it is, what was noted.
//
// Threads: any. A guest lives as long as somebody holds the lock in its folder; nobody reads
// process ids.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "machine/machine.h"

namespace pinaco::machine {

class GuestFolders {
 public:
  // `supervisor` is the command that calls supervise(), without its folder.
  GuestFolders(std::string folder, std::vector<std::string> supervisor)
      : folder_(std::move(folder)), supervisor_(std::move(supervisor)) {}

  std::string folder_of(const std::string& id) const { return folder_ + "/" + id; }
  std::string path_of(const std::string& id, std::string_view name) const;
  // Held by whoever changes the guest or asks it something; until it goes.
  class Turn;
  Turn wait_turn(const std::string& id);
  // unavailable when another has it for longer than a moment: its disks may be on their way.
  Result<Turn> take_turn(const std::string& id);
  Result<bool> lives(const std::string& id);
  Result<> check_lives(const std::string& id);                         // not_found
  std::vector<std::string> list() const;                               // all that have a folder
  Json read_note(const std::string& id, std::string_view name) const;  // {} when there is none
  guest::Report report_of(const std::string& id) const;
  // Starts a supervisor and tells it what `begin` says. Its answer, once it is ready.
  Result<Json> launch(const std::string& id, ByteView disc, const Json& begin);
  Result<> tell(const std::string& id, const Json& what) const;
  Result<std::string> console(const std::string& id) const;
  // Whether its supervisor (and what that started) has ended by then.
  bool has_ended(const std::string& id, Milliseconds within) const;

 private:
  struct Gate;
  std::shared_ptr<Gate> gate_of(const std::string& id);

  const std::string folder_;
  const std::vector<std::string> supervisor_;
  std::mutex mutex_;  // gates, and looking at locks: a look must not keep a start from a lock
  std::map<std::string, std::weak_ptr<Gate>> gates_;
};

// Who holds the turn of one guest. (Not a timed mutex: the thread sanitizer of GCC 12 does not see
// how those are locked.)
struct GuestFolders::Gate {
  std::mutex mutex;
  std::condition_variable left;
  bool taken = false;
};

class GuestFolders::Turn {
 public:
  explicit Turn(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
  Turn(Turn&&) = default;
  Turn& operator=(Turn&&) = delete;
  ~Turn();

 private:
  std::shared_ptr<Gate> gate_;  // taken
};

}  // namespace pinaco::machine
