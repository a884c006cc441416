// Deleting from the bottom up, because a parent with children is refused.
#include "app/remove.h"

#include <fmt/format.h>

#include "app/push_disk.h"
#include "app/reference.h"
#include "app/version_users.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

// The resource and all below it, children first.
Result<> collect(Connection& connection, const arm::ResourceId& id,
                 std::vector<arm::ResourceId>& into) {
  const std::string type = to_lower(id.type());
  const char* below = type == "galleries" ? "images" : type == "galleries/images" ? "versions" : "";
  if (*below != '\0') {
    for (const auto& item : TRY(connection.list(
             fmt::format("{}/{}?api-version={}", id.text(), below, galleries_api)))) {
      TRY(collect(connection, id.child(below, std::string(string_at(item, "name"))), into));
    }
  }
  into.push_back(id);
  return {};
}

// The server refuses a gallery that is shared, but only after all that is in it is gone.
Result<> check_not_shared(Connection& connection, const arm::ResourceId& id) {
  if (to_lower(id.type()) != "galleries") return {};
  const auto gallery = TRY(connection.find(path_of(id) + "&$select=Permissions"));
  if (!gallery) return {};
  const Json* groups = find_path(*gallery, "properties.sharingProfile.groups");
  const bool direct = groups != nullptr && groups->is_array() && !groups->get_array().empty();
  if (!direct && !bool_at(*gallery,
                          "properties.sharingProfile.communityGalleryInfo."
                          "communityGalleryEnabled")) {
    return {};
  }
  return fail(Kind::conflict,
              fmt::format("{} is shared. Nothing was deleted; `pinaco share reset {}` ends the "
                          "sharing.",
                          id.name(), id.name()));
}

std::vector<arm::ResourceId> versions_of(const std::vector<arm::ResourceId>& all) {
  std::vector<arm::ResourceId> versions;
  for (const auto& one : all) {
    if (to_lower(one.type()) == "galleries/images/versions") versions.push_back(one);
  }
  return versions;
}

}  // namespace

Result<> remove(const DeleteOptions& options, Connection& connection, Console& console) {
  const auto reference = TRY(parse_reference(options.name));
  if (reference.version == "latest") {
    return fail(Kind::invalid, "Name the version to delete by its number: what is latest changes.");
  }
  const auto id = TRY(resolve(connection, reference, options.group));
  if (!id.is_resource()) {
    return fail(Kind::invalid,
                fmt::format("{} is not a resource that can be deleted here.", options.name));
  }
  if (!TRY(connection.find(path_of(id)))) {
    return fail(Kind::not_found, fmt::format("There is no {}.", options.name));
  }
  TRY(check_not_shared(connection, id));
  std::vector<arm::ResourceId> going;
  TRY(collect(connection, id, going));
  const auto in_use = users_text(TRY(find_users(connection, versions_of(going))));
  if (!options.yes) {
    std::string names;
    for (const auto& one : going) names += "\n  " + one.nested_name();
    return fail(Kind::invalid, fmt::format("Nothing was deleted. With --yes, this would be:{}{}{}",
                                           names, in_use.empty() ? "" : "\n", in_use));
  }
  if (!in_use.empty()) console.note("Warning: " + in_use);
  JsonArray gone;
  for (const auto& one : going) {
    const bool disk = to_lower(one.type()) == "disks";
    TRY(disk ? remove_disk(connection, one) : connection.remove(path_of(one)));
    console.print(fmt::format("Deleted {}.\n", one.nested_name()));
    gone.emplace_back(one.text());
  }
  console.print_json(JsonObject{{"deleted", gone}});
  return {};
}

Result<> remove(const DeleteOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return remove(options, *connection, console);
}

}  // namespace pinaco::app
