// The Hypervisor for guests that somebody else runs: files and states, and no process. A guest has
// one file, of its name, which says running or stopped; without it the guest is absent. One file,
// as a scale set starts a thousand at once.
#include <fmt/format.h>

#include <mutex>

#include "base/text.h"
#include "machine/description.h"
#include "machine/machine.h"
#include "machine/placement.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

class NoHypervisor final : public Hypervisor {
 public:
  explicit NoHypervisor(std::string folder) : folder_(std::move(folder)) {}

  Result<> start(const Machine& machine) override {
    TRY(check_machine(machine));
    const std::lock_guard lock(mutex_);
    TRY(refuse_if_placed(path_of(machine.id)));
    for (const auto& disk : machine.disks) {
      TRY(ensure_overlay(disk.overlay_path, disk.size_bytes));
    }
    return write_state(machine.id, State::running);
  }

  Result<Status> status(const std::string& id) override {
    TRY(check_id(id));
    const std::lock_guard lock(mutex_);
    Status status = {.state = TRY(read_state(id)) };
    if (status.state == State::running) status.report.health = guest::Health::ready;
    return status;
  }

  std::vector<std::string> list() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const auto& name : os::list_folder(folder_).value_or(std::vector<std::string>())) {
      if (!check_id(name)) continue;
      if (const auto state = read_state(name); state && *state != State::absent) {
        found.push_back(name);
      }
    }
    return found;
  }

  Result<> power_off(const std::string& id, Milliseconds) override {
    return move_to(id, State::stopped);
  }
  Result<> restart(const std::string& id, Milliseconds) override {
    return move_to(id, State::running);
  }
  Result<> resume(const std::string& id) override {
    TRY(check_id(id));
    const std::lock_guard lock(mutex_);
    TRY(check_lives(id));
    if (TRY(read_state(id)) == State::running) return {};
    return fail(Kind::conflict, "The guest is stopped; start it.");
  }

  Result<> end(const std::string& id, Milliseconds) override {
    TRY(check_id(id));
    const std::lock_guard lock(mutex_);
    TRY(refuse_if_placed(path_of(id)));
    return os::remove_file(path_of(id));
  }

  Result<> change(const std::string& id, const guest::Facts&) override {
    TRY(check_id(id));
    const std::lock_guard lock(mutex_);
    return check_lives(id);
  }

  Result<> attach(const std::string& id, const Disk& disk) override {
    TRY(check_id(id));
    TRY(check_disk(disk));
    if (!lun_of(disk.slot)) return refuse_os_disk();
    const std::lock_guard lock(mutex_);
    TRY(check_lives(id));
    return ensure_overlay(disk.overlay_path, disk.size_bytes);
  }
  Result<> detach(const std::string& id, const std::string& slot) override {
    TRY(check_id(id));
    if (!lun_of(slot)) return refuse_os_disk();
    const std::lock_guard lock(mutex_);
    return check_lives(id);
  }
  Result<> freeze(const std::string& id, const std::string& slot,
                  const std::string& new_overlay_path) override {
    TRY(check_id(id));
    const std::lock_guard lock(mutex_);
    TRY(check_lives(id));
    return fail(Kind::conflict,
                fmt::format("This server does not run its guests, so it cannot put {} above the "
                            "disk {} of a running one; deallocate the machine first.",
                            new_overlay_path, slot));
  }

  Result<std::string> console(const std::string& id) override { return not_here(id, "console"); }
  Result<Bytes> screenshot(const std::string& id) override { return not_here(id, "screen"); }

  Result<> remove(const std::string& id) override {
    TRY(check_id(id));
    const std::lock_guard lock(mutex_);
    TRY(refuse_if_placed(path_of(id)));
    return os::remove_file(path_of(id));
  }

 private:
  std::string path_of(const std::string& id) const { return folder_ + "/" + id; }

  static std::unexpected<Error> refuse_os_disk() {
    return fail(Kind::conflict, "The disk of the operating system stays where it is.");
  }
  std::unexpected<Error> not_here(const std::string& id, std::string_view what) const {
    return fail(Kind::not_found,
                fmt::format("This server does not run its guests, so it has no {} of {}. The "
                            "hypervisor that runs it does.",
                            what, cut_text(id, 64)));
  }

  Result<State> read_state(const std::string& id) const {
    const auto text = os::read_file(path_of(id), 64);
    if (!text && text.error().kind == Kind::not_found) return State::absent;
    if (!text) return std::unexpected(text.error());
    return *text == "running" ? State::running : State::stopped;
  }
  // Not synced: after a crash of the host nothing of it would be true.
  Result<> write_state(const std::string& id, State state) const {
    const auto path = path_of(id);
    TRY(os::remove_file(path));
    const auto file = TRY(os::File::create(path));
    return file.write_exact(0, as_bytes(state == State::running ? "running" : "stopped"));
  }
  Result<> check_lives(const std::string& id) const {
    if (TRY(read_state(id)) != State::absent) return {};
    return fail(Kind::not_found, fmt::format("The guest {} does not run.", id));
  }
  Result<> move_to(const std::string& id, State state) const {
    TRY(check_id(id));
    const std::lock_guard lock(mutex_);
    TRY(check_lives(id));
    return write_state(id, state);
  }

  const std::string folder_;
  mutable std::mutex mutex_;
};

}  // namespace

Result<std::unique_ptr<Hypervisor>> open_none(const std::string& folder) {
  TRY(os::make_folders(folder));
  return std::make_unique<NoHypervisor>(folder);
}

}  // namespace pinaco::machine
