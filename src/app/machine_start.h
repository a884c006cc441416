// What a new machine starts from, and what it is told to become at its first start.
#pragma once

#include <set>

#include "app/machines.h"

namespace pinaco::app {

struct StartImage {
  Json reference;        // as imageReference
  std::string location;  // empty: wherever the group is
  std::string os_type = "Linux";
  bool specialized = false;
  std::set<std::int64_t> luns = {};  // of the data disks that come with it
};
// GALLERY/DEFINITION[/VERSION], a managed image's name, or an id of either, also of a shared or a
// community gallery. Not found when there is nothing to start from.
Result<StartImage> find_start_image(Connection& connection, const MachineOptions& options);

// The osProfile: user, keys, password, custom data; null for a specialized image. A key is looked
// for in ~/.ssh when neither key nor password is named.
Result<Json> os_profile(const MachineOptions& options, const StartImage& image,
                        std::string_view name, const std::string& home);
// A file in base64, at most 64 KiB; "" for no file.
Result<std::string> file_in_base64(const std::string& path);

}  // namespace pinaco::app
