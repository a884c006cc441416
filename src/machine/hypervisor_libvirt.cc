// The Hypervisor whose guests run on other hosts. Each has an outpost here (its card and console;
// it lives as long as the guest is allocated), a note that says where it is (placement.h), its
// disks in volumes there (volumes.h), and a domain, which is defined as long as the outpost lives
// and active while the guest is on.
//
// Whatever a crash leaves is settled by the next `start`, `end` or `remove`: the note is there, so
// the domain goes, the volumes come back, and the note goes last.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/log.h"
#include "machine/admission.h"
#include "machine/description.h"
#include "machine/guest_folders.h"
#include "machine/libvirt_guest.h"
#include "machine/picture.h"
#include "machine/uri.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds end_within = std::chrono::seconds(20);
constexpr std::size_t booting_a_host = 4;

struct HostHere {
  LibvirtHost settings;
  std::unique_ptr<Libvirt> libvirt;
};

class LibvirtHypervisor final : public Hypervisor {
 public:
  LibvirtHypervisor(LibvirtOptions options, const ConnectLibvirt& connect)
      : options_(std::move(options)),
        folders_(options_.common.folder, options_.common.supervisor),
        placement_(folders_, options_.hosts),
        admission_(
            options_.common.booting_max != 0 ? options_.common.booting_max
                                             : booting_a_host * options_.hosts.size(),
            system_clock(), [this](const std::string& id) { return is_up(id); },
            options_.common.stopped) {
    for (const auto& host : options_.hosts) {
      hosts_[host.name] = {.settings = host, .libvirt = connect(host)};
    }
  }

  Result<> start(const Machine& machine) override;
  Result<Status> status(const std::string& id) override;
  std::vector<std::string> list() override;
  Result<> power_off(const std::string& id, Milliseconds grace) override;
  Result<> restart(const std::string& id, Milliseconds grace) override {
    return with(id, [&](LibvirtGuest& guest) -> Result<> {
      TRY(guest.power_down(grace));
      return guest.power_up();
    });
  }
  Result<> resume(const std::string& id) override {
    return with(id, [&](LibvirtGuest& guest) { return guest.resume(); });
  }
  Result<> end(const std::string& id, Milliseconds grace) override;
  Result<> change(const std::string& id, const guest::Facts& facts) override;
  Result<> attach(const std::string& id, const Disk& disk) override {
    TRY(check_disk(disk));
    return with(id, [&](LibvirtGuest& guest) { return guest.attach(disk); });
  }
  Result<> detach(const std::string& id, const std::string& slot) override {
    return with(id, [&](LibvirtGuest& guest) { return guest.detach(slot); });
  }
  Result<> freeze(const std::string& id, const std::string& slot,
                  const std::string& new_overlay_path) override {
    return with(id, [&](LibvirtGuest& guest) { return guest.freeze(slot, new_overlay_path); });
  }
  Result<std::string> console(const std::string& id) override { return folders_.console(id); }
  Result<Bytes> screenshot(const std::string& id) override {
    TRY(check_id(id));
    const auto turn = TRY(folders_.take_turn(id));
    return with_turn(id, [&](LibvirtGuest& guest) -> Result<Bytes> {
      return to_png(TRY(guest.host().screenshot(id)));
    });
  }
  Result<> remove(const std::string& id) override;

 private:
  bool is_up(const std::string& id);
  Result<HostHere*> host_of(const Placed& placed);
  static Result<bool> has_kvm(const HostHere& host);
  Result<bool> power_on_what_lives(const std::string& id);
  Result<Placed> place(const Machine& machine);
  Result<> launch(const Machine& machine);
  LibvirtGuest guest_of(Placed placed, Libvirt& host) {
    return {std::move(placed), host, folders_, placement_, options_};
  }
  Result<> settle(const std::string& id, Milliseconds grace);
  Result<> power_off_there(const Placed& placed);  // at once; of one that has no process here

  // Calls with the guest to itself, once it is its turn.
  template <typename Call>
  auto with(const std::string& id, const Call& call)
      -> decltype(call(std::declval<LibvirtGuest&>())) {
    TRY(check_id(id));
    const auto turn = folders_.wait_turn(id);
    return with_turn(id, call);
  }
  template <typename Call>
  auto with_turn(const std::string& id, const Call& call)
      -> decltype(call(std::declval<LibvirtGuest&>())) {
    TRY(folders_.check_lives(id));
    auto placed = TRY(placement_.get(id));
    auto* here = TRY(host_of(placed));
    auto& host = *here->libvirt;
    auto guest = guest_of(std::move(placed), host);
    return call(guest);
  }

  const LibvirtOptions options_;
  std::map<std::string, HostHere> hosts_;
  GuestFolders folders_;
  Placement placement_;
  Admission admission_;
};

// Whether they show the same disk below, whatever address it is read from.
bool is_same_disk(const Disk& one, const Disk& other) {
  const auto name_of = [](const Disk& disk) {
    const auto address = parse_export_uri(disk.base_uri);
    return address ? address->name : std::string();
  };
  return one.slot == other.slot && name_of(one) == name_of(other);
}

// What the guest wrote below the topmost overlay, once all is here. When a new one was named while
// the guest was away and never put above it, what was topmost there is below now.
Result<> add_levels(Disk& disk, const Disk& known) {
  if (!is_same_disk(disk, known)) return {};
  auto below = known.frozen;
  if (known.overlay_path != disk.overlay_path) below.push_back(known.overlay_path);
  for (auto& path : disk.frozen) {
    if (std::ranges::find(below, path) == below.end()) below.push_back(std::move(path));
  }
  disk.frozen.clear();
  for (auto& path : below) {
    const bool is_below = path != disk.overlay_path && TRY(os::exists(path));
    if (is_below) disk.frozen.push_back(std::move(path));
  }
  return {};
}

bool LibvirtHypervisor::is_up(const std::string& id) {
  if (folders_.report_of(id).health != guest::Health::unknown) return true;
  return !folders_.lives(id).value_or(true);
}

Result<HostHere*> LibvirtHypervisor::host_of(const Placed& placed) {
  const auto found = hosts_.find(placed.host);
  if (found != hosts_.end()) {
    const auto& pool = found->second.settings.pool;
    if (placed.pool.empty() || placed.pool == pool) return &found->second;
    return fail(Kind::unavailable,
                fmt::format("The disks of the guest {} are in the storage pool '{}' of the libvirt "
                            "host '{}', for which the configuration now says '{}'. Name the old "
                            "one again until its guests are deallocated.",
                            placed.machine.id, placed.pool, placed.host, pool));
  }
  return fail(Kind::unavailable,
              fmt::format("The guest {} is on the libvirt host '{}', which the configuration does "
                          "not name any more. Name it again until its guests are deallocated.",
                          placed.machine.id, placed.host));
}

Result<bool> LibvirtHypervisor::power_on_what_lives(const std::string& id) {
  const auto turn = folders_.wait_turn(id);
  if (!TRY(folders_.lives(id))) return false;
  const auto placed = TRY(placement_.get(id));
  auto* here = TRY(host_of(placed));
  auto& host = *here->libvirt;
  const auto domain = TRY(host.domain(id));
  if (domain.is == Domain::Is::off) TRY(guest_of(placed, host).power_up());
  return domain.is != Domain::Is::missing;
}

Result<> LibvirtHypervisor::start(const Machine& machine) {
  TRY(check_machine(machine));
  if (TRY(power_on_what_lives(machine.id))) return {};
  TRY(admission_.enter(machine.id));
  auto started = [&]() -> Result<> {
    if (TRY(power_on_what_lives(machine.id))) return {};
    const auto turn = folders_.wait_turn(machine.id);
    return launch(machine);
  }();
  admission_.started(machine.id, started.has_value());
  return started;
}

Result<bool> LibvirtHypervisor::has_kvm(const HostHere& host) {
  const auto& wanted = host.settings.accelerator;
  if (wanted != "auto") return wanted == "kvm";
  // Here it is measured; elsewhere libvirt's word has to do.
  const bool is_local = host.settings.uri.find(":///") != std::string::npos;
  if (is_local) {
    const auto measured = TRY(find_accelerator());
    return measured == Accelerator::kvm;
  }
  return host.libvirt->has_kvm();
}

// The first host that has room and answers.
Result<Placed> LibvirtHypervisor::place(const Machine& machine) {
  std::set<std::string> away;
  std::optional<Error> why;
  while (true) {
    auto placed = placement_.place(machine, away);
    if (!placed) return std::unexpected(why ? *why : placed.error());
    auto* here = TRY(host_of(*placed));
    const auto connected = here->libvirt->connect();
    if (connected) return placed;
    LOG(warning, "machine", "{}", connected.error().message);
    TRY(placement_.forget(machine.id));
    why = connected.error();
    away.insert(placed->host);
  }
}

Result<> LibvirtHypervisor::launch(const Machine& machine) {
  auto wanted = machine;
  if (const auto before = TRY(placement_.find(machine.id))) {
    // A crash left it there. An overlay that was only there is not in the caller's list.
    TRY(settle(machine.id, Milliseconds(0)));
    for (auto& disk : wanted.disks) {
      for (const auto& known : before->machine.disks) TRY(add_levels(disk, known));
    }
  }
  auto placed = TRY(place(wanted));
  auto* here = TRY(host_of(placed));
  const auto kvm = has_kvm(*here);
  if (!kvm) {  // nothing is there yet
    TRY(placement_.forget(machine.id));
    return std::unexpected(kvm.error());
  }
  placed.kvm = *kvm;
  const auto begun = guest_of(placed, *here->libvirt).begin(machine);
  // Nothing stays there of what did not start; what cannot be brought back now is later.
  if (!begun) (void)settle(machine.id, Milliseconds(0));
  return begun;
}

Result<> LibvirtHypervisor::power_off_there(const Placed& placed) {
  auto* here = TRY(host_of(placed));
  return here->libvirt->power_off(placed.machine.id);
}

Result<> LibvirtHypervisor::power_off(const std::string& id, Milliseconds grace) {
  TRY(check_id(id));
  const auto turn = folders_.wait_turn(id);
  if (!TRY(folders_.lives(id))) {
    if (const auto placed = TRY(placement_.find(id))) return power_off_there(*placed);
  }
  return with_turn(id, [&](LibvirtGuest& guest) { return guest.power_down(grace); });
}

Result<Status> LibvirtHypervisor::status(const std::string& id) {
  TRY(check_id(id));
  const auto turn = TRY(folders_.take_turn(id));
  Status status;
  auto placed = TRY(placement_.find(id));
  if (!placed) return status;
  if (!TRY(folders_.lives(id))) {
    status.trouble = "its process here was killed from outside, or this server's host went down";
    // As with QEMU here: it does not run on without its card. What it wrote comes back later.
    if (const auto off = power_off_there(*placed); !off) {
      status.trouble += "; it may run on at its host, which does not answer now";
    }
    return status;
  }
  auto* here = TRY(host_of(*placed));
  auto& host = *here->libvirt;
  const auto domain = TRY(host.domain(id));
  const auto note = folders_.read_note(id, "report.json");
  status.report = report_from(note);
  status.trouble = domain.trouble;
  switch (domain.is) {
    case Domain::Is::missing:
      status.state = State::stopped;
      status.trouble = fmt::format("the host '{}' does not know it", placed->host);
      break;
    case Domain::Is::off:
      status.state = State::stopped;
      break;
    case Domain::Is::broken:
      status.state = State::broken;
      break;
    case Domain::Is::running:
      status.state = State::running;
      status.trouble = string_at(note, "trouble");
      if (placed->has_disc && status.report.health == guest::Health::ready) {
        guest_of(*placed, host).drop_disc();
      }
  }
  return status;
}

std::vector<std::string> LibvirtHypervisor::list() {
  auto found = folders_.list();
  std::erase_if(found, [&](const std::string& id) {
    return !folders_.lives(id).value_or(false) &&
           !os::exists(folders_.path_of(id, "placed.json")).value_or(true);
  });
  return found;
}

Result<> LibvirtHypervisor::end(const std::string& id, Milliseconds grace) {
  TRY(check_id(id));
  const auto turn = folders_.wait_turn(id);
  return settle(id, grace);
}

Result<> LibvirtHypervisor::settle(const std::string& id, Milliseconds grace) {
  const bool lives = TRY(folders_.lives(id));
  if (const auto placed = TRY(placement_.find(id))) {
    auto* here = TRY(host_of(*placed));
    auto& host = *here->libvirt;
    // Without its outpost it has no network, and may not even have been started.
    TRY(guest_of(*placed, host).clear(lives ? grace : Milliseconds(0)));
  }
  if (lives) {
    TRY(folders_.tell(id, JsonObject{{"do", "end"}}));
    if (!folders_.has_ended(id, end_within)) {
      return fail(Kind::unavailable, fmt::format("The outpost of the guest {} does not end.", id));
    }
  }
  return placement_.forget(id);
}

Result<> LibvirtHypervisor::change(const std::string& id, const guest::Facts& facts) {
  TRY(check_id(id));
  const auto turn = TRY(folders_.take_turn(id));
  TRY(folders_.check_lives(id));
  return folders_.tell(id, JsonObject{{"do", "change"}, {"facts", guest::to_json(facts)}});
}

Result<> LibvirtHypervisor::remove(const std::string& id) {
  TRY(check_id(id));
  const auto turn = folders_.wait_turn(id);
  TRY(settle(id, Milliseconds(0)));
  return os::remove_folder(folders_.folder_of(id));
}

}  // namespace

Result<std::unique_ptr<Hypervisor>> open_libvirt(LibvirtOptions options) {
  const auto stopped = options.common.stopped;
  return open_libvirt(std::move(options), [stopped](const LibvirtHost& host) {
    return std::make_unique<Libvirt>(host.name, host.uri, host.pool, stopped);
  });
}

Result<std::unique_ptr<Hypervisor>> open_libvirt(LibvirtOptions options,
                                                 const ConnectLibvirt& connect) {
  if (options.common.supervisor.empty() || options.hosts.empty()) {
    return fail(Kind::invalid, "Guests on libvirt need a supervisor's command and a host.");
  }
  std::error_code error;
  options.common.folder = std::filesystem::absolute(options.common.folder, error).string();
  TRY(os::make_folders(options.common.folder));
  return std::make_unique<LibvirtHypervisor>(std::move(options), connect);
}

}  // namespace pinaco::machine
