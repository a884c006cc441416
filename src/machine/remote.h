// One guest that runs, spoken to over its sockets: QEMU itself, or its supervisor.
//
// Threads: one; QEMU listens to one client at a time, so a Remote is held for a call only. Errors:
// unavailable when nobody answers.
#pragma once

#include <functional>
#include <string>

#include "machine/machine.h"
#include "machine/qmp.h"

namespace pinaco::machine {

// A line to the supervisor, and its answer.
Result<> tell_supervisor(const std::string& folder, const Json& what);

class Remote {
 public:
  // `stopped`, asked at least every 200 ms of a long wait, ends it with cancelled.
  static Result<Remote> connect(const std::string& folder, std::function<bool()> stopped = nullptr);

  Result<State> state();
  Result<> power_off(Milliseconds grace);
  Result<> power_on();  // of what is stopped
  Result<> restart(Milliseconds grace);
  Result<> resume();
  Result<> quit();  // does not wait for the end
  Result<> attach(const Disk& disk);
  Result<> detach(const std::string& slot);
  Result<> freeze(const std::string& slot, const std::string& new_overlay_path);
  Result<Bytes> screenshot(const std::string& path);  // which is a file to use

 private:
  struct Node {
    int number = -1;  // of SLOT.0, SLOT.1, …; -1 for SLOT.base
    std::string name = {};
    std::string path = {};
    std::uint64_t size_bytes = 0;
  };

  Remote(Qmp qmp, std::function<bool()> stopped)
      : qmp_(std::move(qmp)), stopped_(std::move(stopped)) {}
  Result<Json> execute(std::string_view command, JsonObject arguments = {});
  Result<std::vector<Node>> nodes_of(const std::string& slot);  // topmost first
  // The node that the slot's device shows; nullopt without a device.
  Result<std::optional<std::string>> find_device(const std::string& slot);
  Result<> remove_nodes(const std::string& slot);
  Result<bool> press_power_button(Milliseconds grace);  // whether the guest obeyed
  Result<> reset();                                     // leaves it stopped
  Qmp qmp_;
  std::function<bool()> stopped_;
};

}  // namespace pinaco::machine
