#include "model/machines.h"

#include "base/text.h"
#include "model/model.h"

namespace pinaco::model {

Result<std::vector<Resource>> list_machines(const View& view, const std::string& group) {
  auto machines = TRY(view.list_all({.subscription = view.subscription(),
                                     .group = group,
                                     .provider = "Microsoft.Compute",
                                     .types = {"virtualMachines"},
                                     .names = {}}));
  auto instances = TRY(view.list_all({.subscription = view.subscription(),
                                      .group = group,
                                      .provider = "Microsoft.Compute",
                                      .types = {"virtualMachineScaleSets", "virtualMachines"},
                                      .names = {}}));
  for (auto& each : instances) machines.push_back(std::move(each));
  return machines;
}

Result<std::vector<Resource>> list_instances(const View& view, const Resource& set) {
  if (string_at(set.properties, "orchestrationMode") != "Flexible") {
    return view.list_all(set.id.child("virtualMachines", ""));
  }
  auto machines = TRY(view.list_all({.subscription = view.subscription(),
                                     .group = {},
                                     .provider = "Microsoft.Compute",
                                     .types = {"virtualMachines"},
                                     .names = {}}));
  const std::string id = set.id.text();
  std::erase_if(machines, [&](const Resource& row) {
    return !iequals(string_at(row.properties, "virtualMachineScaleSet.id"), id);
  });
  return machines;
}

bool is_instance(const arm::ResourceId& id) {
  return id.types.size() == 2 && iequals(id.types.front(), "virtualMachineScaleSets") &&
         iequals(id.types.back(), "virtualMachines");
}

}  // namespace pinaco::model
