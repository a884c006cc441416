#include "machine/libvirt_guest.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "machine/description.h"
#include "machine/peers.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds look_every = std::chrono::milliseconds(200);
constexpr Milliseconds unplug_within = std::chrono::seconds(30);

std::unexpected<Error> refuse_os_disk() {
  return fail(Kind::conflict, "The disk of the operating system stays where it is.");
}

}  // namespace

Result<> LibvirtGuest::begin(const Machine& machine) {
  for (const auto& disk : placed_.machine.disks) TRY(volumes().deliver(disk));
  if (!machine.disc.empty()) TRY(deliver_disc(machine.disc));
  auto told = to_json(machine);
  set_path(told, "outpost", options_.server);
  const auto answer = TRY(folders_.launch(id(), {}, told));
  placed_.card_port = static_cast<int>(int_at(answer, "card"));
  placed_.console_port = static_cast<int>(int_at(answer, "console"));
  TRY(placement_.keep(placed_));
  return power_up();
}

Result<> LibvirtGuest::deliver_disc(const Bytes& disc) {
  placed_.has_disc = true;
  TRY(placement_.keep(placed_));
  const auto path = folders_.path_of(id(), "disc.iso");
  TRY(os::write_file_durably(path, disc));
  const auto sent = host_.upload(disc_volume_of(id()), path);
  TRY(os::remove_file(path));  // it may hold a password
  if (!sent) return std::unexpected(sent.error());
  return {};
}

Result<> LibvirtGuest::clear(Milliseconds grace) {
  TRY(power_down(grace));
  TRY(host_.undefine(id()));
  for (const auto& disk : placed_.machine.disks) TRY(volumes().retrieve(disk));
  return host_.erase_volume(disc_volume_of(id()));
}

Result<DomainParts> LibvirtGuest::parts() {
  DomainParts parts{.kvm = placed_.kvm,
                    .server = options_.server,
                    .card_port = placed_.card_port,
                    .console_port = placed_.console_port};
  for (const auto& disk : placed_.machine.disks) TRY(volumes().find_paths(disk, parts.paths));
  if (placed_.has_disc) {
    const auto path = TRY(host_.find_volume(disc_volume_of(id())));
    parts.disc_path = path ? *path : "";
  }
  return parts;
}

Result<> LibvirtGuest::define() {
  for (const auto& disk : placed_.machine.disks) TRY(volumes().ensure(disk));
  return host_.define(domain_xml(placed_.machine, TRY(parts())));
}

Result<> LibvirtGuest::power_up() {
  for (const auto& disk : placed_.machine.disks) TRY(volumes().hand_over(disk));
  TRY(define());
  const auto settings = std::ranges::find(options_.hosts, placed_.host, &LibvirtHost::name);
  JsonArray from;
  if (settings != options_.hosts.end()) {
    for (const auto& address : peers_of(settings->uri, options_.server)) from.emplace_back(address);
  }
  TRY(folders_.tell(id(), JsonObject{{"do", "expect"}, {"from", std::move(from)}}));
  const auto on = host_.power_on(id());
  // Unless it is on in spite of the answer, whoever connects now is not its QEMU.
  if (!on && host_.domain(id()).value_or(Domain()).is != Domain::Is::running) {
    (void)folders_.tell(id(), JsonObject{{"do", "withdraw"}});
  }
  return on;
}

Result<> LibvirtGuest::power_down(Milliseconds grace) {
  auto domain = TRY(host_.domain(id()));
  if (domain.is == Domain::Is::running && grace > Milliseconds(0)) {
    const auto end = system_clock().steady() + grace;
    const auto pressed = host_.press_power_button(id());
    // What is off already cannot be pressed any more.
    while (pressed && domain.is == Domain::Is::running && system_clock().steady() < end) {
      if (options_.common.stopped && options_.common.stopped()) {
        return fail(Kind::cancelled, "The wait for the guest was stopped.");
      }
      host_.wait_for_event(look_every);
      domain = TRY(host_.domain(id()));
    }
  }
  return host_.power_off(id());
}

Result<> LibvirtGuest::resume() {
  const auto domain = TRY(host_.domain(id()));
  if (domain.is == Domain::Is::running) return {};
  if (domain.is != Domain::Is::broken) {
    return fail(Kind::conflict, "The guest is stopped; start it.");
  }
  if (domain.waits_for_disk) return host_.resume(id());
  return fail(Kind::conflict, "The guest does not wait for a disk; restart it.");
}

// It may hold a password. Tried again at the next look when the host does not let it go.
void LibvirtGuest::drop_disc() {
  const auto dropped = [&]() -> Result<> {
    TRY(host_.exchange(id(), disc_drive_xml("")));
    TRY(host_.erase_volume(disc_volume_of(id())));
    placed_.has_disc = false;
    TRY(placement_.keep(placed_));
    return define();
  }();
  if (!dropped) LOG(warning, "machine", "the provisioning disc stays: {}", dropped.error().message);
}

Result<> LibvirtGuest::attach(const Disk& disk) {
  if (!lun_of(disk.slot)) return refuse_os_disk();
  auto& disks = placed_.machine.disks;
  const auto known = std::ranges::find(disks, disk.slot, &Disk::slot);
  const auto domain = TRY(host_.domain(id()));
  const bool on = domain.is != Domain::Is::off;
  if (known != disks.end()) {
    if (known->overlay_path != disk.overlay_path) {
      return fail(Kind::conflict, fmt::format("Another disk is in the slot {}.", disk.slot));
    }
    if (!on || has_target(TRY(host_.live_xml(id())), disk.slot)) return {};
    TRY(volumes().retrieve(*known));  // what an attach left that was interrupted
    disks.erase(known);
  }
  disks.push_back(disk);
  TRY(placement_.keep(placed_));
  bool plugging = false;
  const auto done = [&]() -> Result<> {
    TRY(volumes().deliver(disk));
    TRY(define());
    if (!on) return {};
    const auto xml = disk_xml(disk, TRY(parts()));
    plugging = true;
    return host_.plug(id(), xml);
  }();
  if (!done && plugging) {
    // An answer that was lost: QEMU may have it, and then what it writes must stay there.
    const auto live = host_.live_xml(id());
    if (!live) return done;
    if (has_target(*live, disk.slot)) return {};
  }
  // As before; what cannot be brought back now is brought back when the guest ends.
  if (!done && volumes().retrieve(disk)) {
    disks.pop_back();
    TRY(placement_.keep(placed_));
    (void)define();
  }
  return done;
}

Result<> LibvirtGuest::detach(const std::string& slot) {
  if (!lun_of(slot)) return refuse_os_disk();
  auto& disks = placed_.machine.disks;
  const auto known = std::ranges::find(disks, slot, &Disk::slot);
  if (known == disks.end()) return {};
  const auto domain = TRY(host_.domain(id()));
  const bool on = domain.is != Domain::Is::off;
  if (on && has_target(TRY(host_.live_xml(id())), slot)) {
    TRY(host_.unplug(id(), disk_xml(*known, TRY(parts()))));
    const auto end = system_clock().steady() + unplug_within;
    while (has_target(TRY(host_.live_xml(id())), slot)) {
      if (system_clock().steady() >= end) {
        return fail(Kind::unavailable,
                    fmt::format("The guest does not let go of its disk {}.", slot));
      }
      host_.wait_for_event(look_every);
    }
  }
  TRY(volumes().retrieve(*known));
  disks.erase(known);
  TRY(placement_.keep(placed_));
  return define();
}

Result<> LibvirtGuest::freeze(const std::string& slot, const std::string& new_overlay_path) {
  auto& disks = placed_.machine.disks;
  const auto disk = std::ranges::find(disks, slot, &Disk::slot);
  if (disk == disks.end()) {
    return fail(Kind::not_found, fmt::format("No disk is in the slot {}.", slot));
  }
  if (disk->overlay_path != new_overlay_path) {
    disk->frozen.push_back(disk->overlay_path);
    disk->overlay_path = new_overlay_path;
    TRY(placement_.keep(placed_));
  }
  const auto domain = TRY(host_.domain(id()));
  const auto live = domain.is == Domain::Is::off ? std::string() : TRY(host_.live_xml(id()));
  const bool on = has_target(live, slot);  // else it goes on there when it is powered on
  auto path = TRY(host_.find_volume(volume_of(new_overlay_path)));
  if (!path || (on && source_of(live, slot) != *path)) {
    TRY(volumes().hand_over(*disk));
    TRY(volumes().ensure(*disk));
    path = TRY(host_.find_volume(volume_of(new_overlay_path)));
    if (on) TRY(host_.snapshot(id(), freeze_xml(live, disks, slot, path ? *path : "")));
  }
  TRY(define());
  return volumes().fetch_frozen(*disk);
}

}  // namespace pinaco::machine
