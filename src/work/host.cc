#include "work/host.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::work {

std::string replica_key(const arm::ResourceId& image, std::string_view region) {
  return fmt::format("{} in {}", image.key(), region);
}

std::unique_lock<std::mutex> Host::lock(std::string_view machine) {
  return std::unique_lock(locks_[std::hash<std::string_view>()(machine) % locks_.size()]);
}

std::string Host::new_overlay_path(std::string_view disk, Random& random) const {
  return fmt::format("{}/{}-{}.qcow2", options_.folder, disk, random.hex(8));
}

std::string Host::disk_uri(std::string_view disk) const {
  return fmt::format("nbd+unix:///{}?socket={}", disk, percent_encode(options_.disks_socket));
}

}  // namespace pinaco::work
