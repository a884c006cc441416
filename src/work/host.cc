#include "work/host.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"

namespace pinaco::work {

std::string replica_key(const arm::ResourceId& image, std::string_view region) {
  return fmt::format("{} in {}", image.key(), region);
}

std::unique_lock<std::mutex> Host::lock(std::string_view machine) {
  return std::unique_lock(locks_[std::hash<std::string_view>()(machine) % locks_.size()]);
}

std::unique_lock<std::mutex> Host::try_lock(std::string_view machine) {
  return {locks_[std::hash<std::string_view>()(machine) % locks_.size()], std::try_to_lock};
}

std::string Host::new_overlay_path(std::string_view disk, Random& random) const {
  return fmt::format("{}/{}-{}.qcow2", options_.folder, disk, random.hex(8));
}

std::string Host::export_name(std::string_view disk) const {
  if (options_.disks_server.empty()) return std::string(disk);
  // A disk's own name is no secret: whoever may see the disk sees it.
  const auto secret = Digest::of(as_bytes(options_.disks_key + std::string(disk)));
  return fmt::format("{}-{}", disk, secret.hex().substr(0, 32));
}

std::string Host::disk_uri(std::string_view disk) const {
  const auto name = export_name(disk);
  if (!options_.disks_server.empty()) {
    return fmt::format("nbd://{}/{}", options_.disks_server, name);
  }
  return fmt::format("nbd+unix:///{}?socket={}", name, percent_encode(options_.disks_socket));
}

}  // namespace pinaco::work
