// What was made of versions: disks of machines that say so, and the disks of scale sets' models. By
// whatever name the version was called, the disk has its id.
#include <fmt/format.h>

#include "base/text.h"
#include "lifecycle/lifecycle.h"

namespace pinaco::lifecycle {
namespace {

arm::ResourceId all_of(const model::View& view, const char* type) {
  return {.subscription = view.subscription(),
          .group = {},
          .provider = "Microsoft.Compute",
          .types = {type},
          .names = {}};
}

}  // namespace

Result<> Users::add(const model::View& view) {
  const auto note = [&](std::string_view version, const arm::ResourceId& user) {
    if (!version.empty()) by_version_.try_emplace(to_lower(version), user);
  };
  for (const auto& disk : TRY(view.list_all(all_of(view, "disks")))) {
    const auto image = string_at(disk.internal, "image");
    const auto machine = arm::ResourceId::parse(string_at(disk.internal, "managedBy"));
    if (image.empty() || !machine) continue;
    note(image, *machine);
  }
  for (const auto& set : TRY(view.list_all(all_of(view, "virtualMachineScaleSets")))) {
    const Json* disks = find_path(set.internal, "model.disks");
    if (disks == nullptr || !disks->is_array()) continue;
    for (const Json& disk : disks->get_array()) {
      const Json* row = find_path(disk, "row");
      if (row == nullptr) continue;
      const auto parsed = TRY(model::resource_from(*row));
      note(string_at(parsed.internal, "image"), set.id);
    }
  }
  return {};
}

Result<Users> Users::find(const model::Model& model) {
  Users users;
  for (const auto& subscription : TRY(model.shards())) {
    TRY(model.read(subscription, [&](const model::View& view) { return users.add(view); }));
  }
  return users;
}

std::string Users::of(const arm::ResourceId& version, const Sees& sees) const {
  const auto found = by_version_.find(version.key());
  if (found == by_version_.end()) return "";
  const auto& user = found->second;
  const char* what = iequals(user.type(), "virtualMachineScaleSets") ? "scale set" : "machine";
  if (sees != nullptr && sees(user)) {
    return fmt::format("the {} {}/{}", what, user.group, user.nested_name());
  }
  const bool here = iequals(user.subscription, version.subscription);
  return fmt::format("a {}{}", what, here ? "" : " of another subscription");
}

}  // namespace pinaco::lifecycle
