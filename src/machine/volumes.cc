#include "machine/volumes.h"

#include <fmt/format.h>

#include <filesystem>

#include "machine/description.h"
#include "machine/overlay.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

std::vector<std::string> chain_of(const Disk& disk) {
  auto paths = disk.frozen;
  paths.push_back(disk.overlay_path);
  return paths;
}

// What a guest can have made of an overlay: its disk, QCOW2's tables, and clusters that a crash of
// QEMU left unused. More than that is not what was sent there.
std::uint64_t bytes_max(std::uint64_t disk_bytes) {
  return disk_bytes + disk_bytes / 64 + (std::uint64_t{256} << 20);
}

// Not only gone, but gone after a crash of this host too: else an old file would count again.
Result<> remove_durably(const std::string& path) {
  TRY(os::remove_file(path));
  return os::sync_folder(std::filesystem::path(path).parent_path().string());
}

}  // namespace

std::string volume_of(const std::string& overlay_path) {
  return "pinaco-" + std::filesystem::path(overlay_path).filename().string();
}

std::string disc_volume_of(const std::string& id) {
  return "pinaco-" + id + ".iso";
}

std::unexpected<Error> Volumes::lost(const std::string& path) const {
  return fail(
      Kind::unavailable,
      fmt::format("What the guest {} wrote is in the volume {} of the storage pool '{}' of the "
                  "libvirt host '{}', and neither that volume nor its file on this server is "
                  "there. Bring the volume back, or let the configuration name the host and the "
                  "pool that have it.",
                  placed_.machine.id, volume_of(path), placed_.pool, placed_.host));
}

Result<> Volumes::send(const std::string& path, std::uint64_t size_bytes) {
  TRY(host_.upload(volume_of(path), path));
  // libvirt says that it has the bytes; what cannot be made again is looked at.
  if (!TRY(is_empty_overlay(path, size_bytes)) && !TRY(host_.has_bytes_of(volume_of(path), path))) {
    TRY(host_.erase_volume(volume_of(path)));
    return fail(Kind::unavailable,
                fmt::format("The volume {} on the libvirt host '{}' is not what was sent there. "
                            "Look at that host's disks and log.",
                            volume_of(path), placed_.host));
  }
  if (!placed_.delivered.insert(path).second) return {};
  return placement_.keep(placed_);
}

Result<> Volumes::deliver_top(const Disk& disk) {
  TRY(ensure_overlay(disk.overlay_path, disk.size_bytes));
  TRY(send(disk.overlay_path, disk.size_bytes));
  return remove_durably(disk.overlay_path);
}

Result<> Volumes::deliver(const Disk& disk) {
  for (const auto& path : disk.frozen) {
    if (TRY(os::exists(path))) TRY(send(path, disk.size_bytes));
  }
  return deliver_top(disk);
}

Result<> Volumes::hand_over(const Disk& disk) {
  if (!TRY(os::exists(disk.overlay_path))) return {};
  return deliver_top(disk);
}

Result<> Volumes::ensure(const Disk& disk) {
  for (const auto& path : chain_of(disk)) {
    if (TRY(host_.find_volume(volume_of(path)))) continue;
    const bool is_top = path == disk.overlay_path;
    const bool is_here = TRY(os::exists(path));
    if (!is_here && placed_.delivered.contains(path)) return lost(path);
    if (is_top) return deliver_top(disk);
    if (is_here) TRY(send(path, disk.size_bytes));
  }
  return {};
}

Result<> Volumes::fetch_missing(const std::string& path, std::uint64_t size_bytes) {
  if (TRY(os::exists(path))) return {};
  if (TRY(host_.find_volume(volume_of(path)))) {
    return host_.download(volume_of(path), path, bytes_max(size_bytes));
  }
  if (placed_.delivered.contains(path)) return lost(path);
  return {};  // noted, and never made
}

Result<> Volumes::fetch_frozen(const Disk& disk) {
  for (const auto& path : disk.frozen) TRY(fetch_missing(path, disk.size_bytes));
  return {};
}

Result<> Volumes::retrieve(const Disk& disk) {
  for (const auto& path : chain_of(disk)) {
    TRY(fetch_missing(path, disk.size_bytes));
    TRY(host_.erase_volume(volume_of(path)));
    placed_.delivered.erase(path);
  }
  return {};
}

Result<> Volumes::find_paths(const Disk& disk, std::map<std::string, std::string>& paths) {
  for (const auto& path : chain_of(disk)) {
    if (auto there = TRY(host_.find_volume(volume_of(path)))) paths[path] = std::move(*there);
  }
  return {};
}

}  // namespace pinaco::machine
