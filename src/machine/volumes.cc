#include "machine/volumes.h"

#include <filesystem>

#include "machine/description.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

std::vector<std::string> chain_of(const Disk& disk) {
  auto paths = disk.frozen;
  paths.push_back(disk.overlay_path);
  return paths;
}

Result<> fetch_missing(Libvirt& host, const std::string& path) {
  if (TRY(os::exists(path))) return {};
  if (!TRY(host.find_volume(volume_of(path)))) return {};  // noted, and never made
  return host.download(volume_of(path), path);
}

}  // namespace

std::string volume_of(const std::string& overlay_path) {
  return "pinaco-" + std::filesystem::path(overlay_path).filename().string();
}

std::string disc_volume_of(const std::string& id) {
  return "pinaco-" + id + ".iso";
}

Result<> deliver(Libvirt& host, const Disk& disk) {
  for (const auto& path : disk.frozen) {
    if (TRY(os::exists(path))) TRY(host.upload(volume_of(path), path));
  }
  TRY(ensure_overlay(disk.overlay_path, disk.size_bytes));
  TRY(host.upload(volume_of(disk.overlay_path), disk.overlay_path));
  return os::remove_file(disk.overlay_path);
}

Result<> deliver_empty(Libvirt& host, const std::string& overlay_path, std::uint64_t size_bytes) {
  return deliver(host, {.slot = {}, .overlay_path = overlay_path, .size_bytes = size_bytes});
}

Result<> fetch_frozen(Libvirt& host, const Disk& disk) {
  for (const auto& path : disk.frozen) TRY(fetch_missing(host, path));
  return {};
}

Result<> retrieve(Libvirt& host, const Disk& disk) {
  for (const auto& path : chain_of(disk)) {
    TRY(fetch_missing(host, path));
    TRY(host.erase_volume(volume_of(path)));
  }
  return {};
}

Result<> find_paths(Libvirt& host, const Disk& disk, std::map<std::string, std::string>& paths) {
  for (const auto& path : chain_of(disk)) {
    if (auto there = TRY(host.find_volume(volume_of(path)))) paths[path] = std::move(*there);
  }
  return {};
}

}  // namespace pinaco::machine
