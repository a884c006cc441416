// The folders of guests that have a supervisor: who lives, whose turn it is, what was noted.
//
// Threads: any. A guest lives as long as somebody holds the lock in its folder; nobody reads
// process ids.
#pragma once

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
  // Held by whoever changes the guest or asks it something.
  struct Turn {
    std::shared_ptr<std::timed_mutex> of;
    std::unique_lock<std::timed_mutex> held;
  };
  // unavailable when another has it for longer than a moment: its disks may be on their way.
  Result<Turn> take_turn(const std::string& id);
  std::shared_ptr<std::timed_mutex> turn_of(const std::string& id);
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
  const std::string folder_;
  const std::vector<std::string> supervisor_;
  std::mutex mutex_;  // turns, and looking at locks: a look must not keep a start from a lock
  std::map<std::string, std::weak_ptr<std::timed_mutex>> turns_;
};

}  // namespace pinaco::machine
