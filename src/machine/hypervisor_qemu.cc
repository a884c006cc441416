// The Hypervisor that finds its guests in folders: who can take a guest's lock knows that neither
// its supervisor nor its QEMU lives. Nothing about a guest is kept in memory but the order of
// calls, so a new process goes on where the last one was.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "machine/admission.h"
#include "machine/console_log.h"
#include "machine/control.h"
#include "machine/description.h"
#include "machine/remote.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds start_within = std::chrono::seconds(30);
constexpr Milliseconds quit_within = std::chrono::seconds(20);
constexpr Milliseconds end_within = std::chrono::seconds(2);
constexpr std::size_t note_bytes_max = 64 << 10;

class QemuHypervisor final : public Hypervisor {
 public:
  explicit QemuHypervisor(HypervisorOptions options)
      : options_(std::move(options)),
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
  Result<std::string> console(const std::string& id) override;
  Result<Bytes> screenshot(const std::string& id) override {
    const auto path = folder_of(id) + "/screen.png";
    return with(id, [&](Remote& guest) { return guest.screenshot(path); });
  }
  Result<> remove(const std::string& id) override;

 private:
  std::string folder_of(const std::string& id) const { return options_.folder + "/" + id; }
  std::shared_ptr<std::mutex> turn_of(const std::string& id);
  Result<bool> lives(const std::string& id);
  Result<> check_lives(const std::string& id);
  bool is_up(const std::string& id);
  Result<bool> power_on_what_lives(const std::string& id);
  Result<> launch(const Machine& machine, Accelerator accelerator);
  Result<> end_now(const std::string& id, Milliseconds grace);
  Json read_note(const std::string& id, std::string_view name) const;

  // Calls with the guest's QMP to itself, once it is its turn.
  template <typename Call>
  auto with(const std::string& id, const Call& call) -> decltype(call(std::declval<Remote&>())) {
    TRY(check_id(id));
    const auto turn = turn_of(id);
    const std::lock_guard lock(*turn);
    TRY(check_lives(id));
    auto remote = TRY(Remote::connect(folder_of(id), options_.stopped));
    return call(remote);
  }

  const HypervisorOptions options_;
  std::mutex mutex_;  // turns, and looking at locks: a look must not keep a start from a lock
  std::map<std::string, std::weak_ptr<std::mutex>> turns_;
  Admission admission_;
};

std::shared_ptr<std::mutex> QemuHypervisor::turn_of(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto& known = turns_[id];
  if (auto turn = known.lock()) return turn;
  std::erase_if(turns_,
                [&](const auto& each) { return each.first != id && each.second.expired(); });
  auto turn = std::make_shared<std::mutex>();
  turns_[id] = turn;
  return turn;
}

Result<bool> QemuHypervisor::lives(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto path = folder_of(id) + "/lock";
  if (!TRY(os::exists(path))) return false;
  const auto taken = os::lock_file(path);
  if (taken) return false;
  if (taken.error().kind == Kind::conflict) return true;
  return std::unexpected(taken.error());
}

Result<> QemuHypervisor::check_lives(const std::string& id) {
  if (TRY(lives(id))) return {};
  return fail(Kind::not_found, fmt::format("The guest {} does not run.", id));
}

Json QemuHypervisor::read_note(const std::string& id, std::string_view name) const {
  const auto text = os::read_file(fmt::format("{}/{}", folder_of(id), name), note_bytes_max);
  if (!text) return JsonObject();
  return parse_json(*text).value_or(JsonObject());
}

bool QemuHypervisor::is_up(const std::string& id) {
  if (report_from(read_note(id, "report.json")).health != guest::Health::unknown) return true;
  const auto here = lives(id);
  return here && !*here;
}

Result<bool> QemuHypervisor::power_on_what_lives(const std::string& id) {
  const auto turn = turn_of(id);
  const std::lock_guard lock(*turn);
  if (!TRY(lives(id))) return false;
  auto remote = TRY(Remote::connect(folder_of(id), options_.stopped));
  if (TRY(remote.state()) == State::stopped) TRY(remote.power_on());
  return true;
}

Result<> QemuHypervisor::start(const Machine& machine) {
  TRY(check_machine(machine));
  const auto accelerator = TRY(find_accelerator());
  if (TRY(power_on_what_lives(machine.id))) return {};
  TRY(admission_.enter(machine.id));
  auto started = [&]() -> Result<> {
    if (TRY(power_on_what_lives(machine.id))) return {};
    const auto turn = turn_of(machine.id);
    const std::lock_guard lock(*turn);
    return launch(machine, accelerator);
  }();
  admission_.started(machine.id, started.has_value());
  return started;
}

Result<> QemuHypervisor::launch(const Machine& machine, Accelerator accelerator) {
  const auto folder = folder_of(machine.id);
  TRY(os::make_folders(folder));
  auto lock = [&] {
    const std::lock_guard look(mutex_);
    return os::lock_file(folder + "/lock");
  }();
  if (!lock) return std::unexpected(lock.error());
  for (const auto* old : {"ended.json", "report.json", "disc.iso", "supervisor.log", "qmp"}) {
    TRY(os::remove_file(fmt::format("{}/{}", folder, old)));
  }
  if (!machine.disc.empty()) TRY(os::write_file_durably(folder + "/disc.iso", machine.disc));

  auto channel = TRY(os::socket_pair());
  auto command = options_.supervisor;
  command.push_back(folder);
  {
    const os::Socket far = std::move(channel.far);
    const os::File ours = std::move(*lock);  // from here on the supervisor's alone
    const int inherited[] = {ours.descriptor(), far.descriptor()};
    TRY(os::start_detached(command, folder + "/supervisor.log", inherited));
  }
  auto json = to_json(machine);
  set_path(json, "accelerator", to_string(accelerator));
  const auto begun = [&]() -> Result<> {
    TRY(send_line(channel.near, json, start_within));
    const auto line = TRY(receive_line(channel.near, note_bytes_max, start_within));
    return from_answer(TRY(parse_json(line)));
  }();
  if (!begun && !os::wait_for_lock(folder + "/lock", quit_within)) {
    LOG(warning, "machine", "the guest {} does not start, and its supervisor does not end",
        machine.id);
  }
  return begun;
}

Result<Status> QemuHypervisor::status(const std::string& id) {
  TRY(check_id(id));
  const auto turn = turn_of(id);
  const std::lock_guard lock(*turn);
  Status status;
  if (TRY(lives(id))) {
    auto remote = Remote::connect(folder_of(id), options_.stopped);
    auto state = remote ? remote->state() : Result<State>(std::unexpected(remote.error()));
    if (state) {
      const auto note = read_note(id, "report.json");
      status.state = *state;
      status.report = report_from(note);
      if (status.state == State::broken) status.trouble = string_at(note, "trouble");
      return status;
    }
    // Perhaps it is just ending; then its supervisor writes down why.
    if (!os::wait_for_lock(folder_of(id) + "/lock", end_within)) {
      return std::unexpected(state.error());
    }
  }
  if (!TRY(os::exists(folder_of(id)))) return status;
  const auto note = read_note(id, "ended.json");
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
  std::vector<std::string> found;
  for (const auto& name : os::list_folder(options_.folder).value_or(std::vector<std::string>())) {
    if (!check_id(name)) continue;
    if (const auto here = lives(name); here && *here) found.push_back(name);
  }
  return found;
}

Result<> QemuHypervisor::end(const std::string& id, Milliseconds grace) {
  TRY(check_id(id));
  const auto turn = turn_of(id);
  const std::lock_guard lock(*turn);
  return end_now(id, grace);
}

Result<> QemuHypervisor::end_now(const std::string& id, Milliseconds grace) {
  if (!TRY(lives(id))) return {};
  const auto folder = folder_of(id);
  const auto asked = [&]() -> Result<> {
    auto remote = TRY(Remote::connect(folder, options_.stopped));
    TRY(remote.power_off(grace));
    return remote.quit();
  }();
  if (asked && os::wait_for_lock(folder + "/lock", quit_within)) return {};
  // QEMU may wait for a disk whose server is away. What is in the overlay stays sound.
  LOG(warning, "machine", "the guest {} does not end by itself and is killed", id);
  const auto told = tell_supervisor(folder, JsonObject{{"do", "kill"}});
  if (os::wait_for_lock(folder + "/lock", quit_within)) return {};
  if (!told) return told;
  return fail(Kind::unavailable, fmt::format("The guest {} does not end even when killed.", id));
}

Result<> QemuHypervisor::change(const std::string& id, const guest::Facts& facts) {
  TRY(check_id(id));
  const auto turn = turn_of(id);
  const std::lock_guard lock(*turn);
  TRY(check_lives(id));
  return tell_supervisor(folder_of(id),
                         JsonObject{{"do", "change"}, {"facts", guest::to_json(facts)}});
}

Result<std::string> QemuHypervisor::console(const std::string& id) {
  TRY(check_id(id));
  const auto path = folder_of(id) + "/console.log";
  if (!TRY(os::exists(path))) {
    return fail(Kind::not_found, fmt::format("The guest {} was never started.", id));
  }
  return read_console(path);
}

Result<> QemuHypervisor::remove(const std::string& id) {
  TRY(check_id(id));
  const auto turn = turn_of(id);
  const std::lock_guard lock(*turn);
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
