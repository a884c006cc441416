// The Hypervisor that finds its guests in folders: who can take a guest's lock knows that neither
// its supervisor nor its QEMU lives. Nothing about a guest is kept in memory but the order of
// calls, so a new process goes on where the last one was.
#include <fmt/format.h>

#include <filesystem>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "machine/admission.h"
#include "machine/description.h"
#include "machine/guest_folders.h"
#include "machine/placement.h"
#include "machine/remote.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds quit_within = std::chrono::seconds(20);
constexpr Milliseconds end_within = std::chrono::seconds(2);

class QemuHypervisor final : public Hypervisor {
 public:
  explicit QemuHypervisor(HypervisorOptions options)
      : options_(std::move(options)),
        folders_(options_.folder, options_.supervisor),
        admission_(
            options_.booting_max != 0 ? options_.booting_max
                                      : std::max(1u, std::thread::hardware_concurrency()),
            system_clock(), [this](const std::string& id) { return is_up(id); }, options_.stopped) {
  }

  Result<> start(const Machine& machine) override;
  Result<Status> status(const std::string& id) override;
  std::vector<std::string> list() override;
  Result<> power_off(const std::string& id, Milliseconds grace) override {
    return with(id, [&](Remote& guest) { return guest.power_off(grace); });
  }
  Result<> restart(const std::string& id, Milliseconds grace) override {
    return with(id, [&](Remote& guest) { return guest.restart(grace); });
  }
  Result<> resume(const std::string& id) override {
    return with(id, [&](Remote& guest) { return guest.resume(); });
  }
  Result<> end(const std::string& id, Milliseconds grace) override;
  Result<> change(const std::string& id, const guest::Facts& facts) override;
  Result<> attach(const std::string& id, const Disk& disk) override {
    TRY(check_disk(disk));
    return with(id, [&](Remote& guest) { return guest.attach(disk); });
  }
  Result<> detach(const std::string& id, const std::string& slot) override {
    return with(id, [&](Remote& guest) { return guest.detach(slot); });
  }
  Result<> freeze(const std::string& id, const std::string& slot,
                  const std::string& new_overlay_path) override {
    return with(id, [&](Remote& guest) { return guest.freeze(slot, new_overlay_path); });
  }
  Result<std::string> console(const std::string& id) override { return folders_.console(id); }
  Result<Bytes> screenshot(const std::string& id) override {
    const auto path = folder_of(id) + "/screen.png";
    return with(id, [&](Remote& guest) { return guest.screenshot(path); });
  }
  Result<> remove(const std::string& id) override;

 private:
  std::string folder_of(const std::string& id) const { return folders_.folder_of(id); }
  bool is_up(const std::string& id);
  Result<bool> power_on_what_lives(const std::string& id);
  Result<> launch(const Machine& machine, Accelerator accelerator);
  Result<> end_now(const std::string& id, Milliseconds grace);

  // Calls with the guest's QMP to itself, once it is its turn.
  template <typename Call>
  auto with(const std::string& id, const Call& call) -> decltype(call(std::declval<Remote&>())) {
    TRY(check_id(id));
    const auto turn = folders_.wait_turn(id);
    TRY(folders_.check_lives(id));
    auto remote = TRY(Remote::connect(folder_of(id), options_.stopped));
    return call(remote);
  }

  const HypervisorOptions options_;
  GuestFolders folders_;
  Admission admission_;
};

bool QemuHypervisor::is_up(const std::string& id) {
  if (folders_.report_of(id).health != guest::Health::unknown) return true;
  const auto here = folders_.lives(id);
  return here && !*here;
}

Result<bool> QemuHypervisor::power_on_what_lives(const std::string& id) {
  const auto turn = folders_.wait_turn(id);
  if (!TRY(folders_.lives(id))) return false;
  auto remote = TRY(Remote::connect(folder_of(id), options_.stopped));
  if (TRY(remote.state()) == State::stopped) TRY(remote.power_on());
  return true;
}

Result<> QemuHypervisor::start(const Machine& machine) {
  TRY(check_machine(machine));
  TRY(refuse_if_placed(folder_of(machine.id)));
  const auto accelerator = TRY(find_accelerator());
  if (TRY(power_on_what_lives(machine.id))) return {};
  TRY(admission_.enter(machine.id));
  auto started = [&]() -> Result<> {
    if (TRY(power_on_what_lives(machine.id))) return {};
    const auto turn = folders_.wait_turn(machine.id);
    return launch(machine, accelerator);
  }();
  admission_.started(machine.id, started.has_value());
  return started;
}

Result<> QemuHypervisor::launch(const Machine& machine, Accelerator accelerator) {
  auto json = to_json(machine);
  set_path(json, "accelerator", to_string(accelerator));
  TRY(folders_.launch(machine.id, machine.disc, json));
  return {};
}

Result<Status> QemuHypervisor::status(const std::string& id) {
  TRY(check_id(id));
  const auto turn = folders_.wait_turn(id);
  Status status;
  if (TRY(folders_.lives(id))) {
    auto remote = Remote::connect(folder_of(id), options_.stopped);
    auto state = remote ? remote->state() : Result<State>(std::unexpected(remote.error()));
    if (state) {
      const auto note = folders_.read_note(id, "report.json");
      status.state = *state;
      status.report = report_from(note);
      if (status.state == State::broken) status.trouble = string_at(note, "trouble");
      return status;
    }
    // Perhaps it is just ending; then its supervisor writes down why.
    if (!folders_.has_ended(id, end_within)) {
      return std::unexpected(state.error());
    }
  }
  if (!TRY(os::exists(folder_of(id)))) return status;
  const auto note = folders_.read_note(id, "ended.json");
  if (note.get_object().empty()) {
    if (TRY(os::exists(folder_of(id) + "/console.log"))) {
      status.trouble = "its process was killed from outside, or the host went down";
    }
  } else if (!bool_at(note, "orderly")) {
    status.trouble = string_at(note, "reason");
  }
  return status;
}

std::vector<std::string> QemuHypervisor::list() {
  auto found = folders_.list();
  std::erase_if(found, [&](const std::string& id) { return !folders_.lives(id).value_or(false); });
  return found;
}

Result<> QemuHypervisor::end(const std::string& id, Milliseconds grace) {
  TRY(check_id(id));
  const auto turn = folders_.wait_turn(id);
  TRY(refuse_if_placed(folder_of(id)));
  return end_now(id, grace);
}

Result<> QemuHypervisor::end_now(const std::string& id, Milliseconds grace) {
  if (!TRY(folders_.lives(id))) return {};
  const auto asked = [&]() -> Result<> {
    auto remote = TRY(Remote::connect(folder_of(id), options_.stopped));
    TRY(remote.power_off(grace));
    return remote.quit();
  }();
  if (asked && folders_.has_ended(id, quit_within)) return {};
  // QEMU may wait for a disk whose server is away. What is in the overlay stays sound.
  LOG(warning, "machine", "the guest {} does not end by itself and is killed", id);
  const auto told = folders_.tell(id, JsonObject{{"do", "kill"}});
  if (folders_.has_ended(id, quit_within)) return {};
  if (!told) return told;
  return fail(Kind::unavailable, fmt::format("The guest {} does not end even when killed.", id));
}

Result<> QemuHypervisor::change(const std::string& id, const guest::Facts& facts) {
  TRY(check_id(id));
  const auto turn = folders_.wait_turn(id);
  TRY(folders_.check_lives(id));
  return folders_.tell(id, JsonObject{{"do", "change"}, {"facts", guest::to_json(facts)}});
}

Result<> QemuHypervisor::remove(const std::string& id) {
  TRY(check_id(id));
  const auto turn = folders_.wait_turn(id);
  TRY(refuse_if_placed(folder_of(id)));
  TRY(end_now(id, Milliseconds(0)));
  return os::remove_folder(folder_of(id));
}

}  // namespace

Result<std::unique_ptr<Hypervisor>> open_qemu(HypervisorOptions options) {
  if (options.supervisor.empty()) return fail(Kind::invalid, "The supervisor's command is empty.");
  std::error_code error;
  options.folder = std::filesystem::absolute(options.folder, error).string();
  TRY(os::make_folders(options.folder));
  return std::make_unique<QemuHypervisor>(std::move(options));
}

}  // namespace pinaco::machine
