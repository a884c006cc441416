// What a copy comes to: which of the things above and the versions are there, and the bodies of the
// others, with all that the cloud lets a new one have of the old one.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/copy.h"
#include "app/push_disk.h"
#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

std::string path_for(const arm::ResourceId& id) {
  return fmt::format("{}?api-version={}", id.text(), copying_api);
}

Result<std::vector<Json>> list_below(Connection& connection, const arm::ResourceId& id,
                                     std::string_view below) {
  return connection.list(fmt::format("{}/{}?api-version={}", id.text(), below, copying_api));
}

// By its id or its name.
Result<std::string> find_subscription(Connection& connection, const std::string& wanted) {
  if (wanted.empty()) return connection.login().subscription;
  std::vector<std::string> names;
  for (const auto& each : TRY(connection.list("/subscriptions?api-version=2021-01-01"))) {
    const std::string id(string_at(each, "subscriptionId"));
    const auto name = string_at(each, "displayName");
    if (iequals(id, wanted) || iequals(name, wanted)) return id;
    names.push_back(fmt::format("{} ({})", name, id));
  }
  return fail(Kind::not_found, fmt::format("There is no subscription '{}'. There are: {}.", wanted,
                                           join(names, ", ")));
}

arm::ResourceId gallery_in(const std::string& subscription, std::string_view group,
                           std::string_view name) {
  return {.subscription = subscription,
          .group = std::string(group),
          .provider = "Microsoft.Compute",
          .types = {"galleries"},
          .names = {std::string(name)}};
}

// A subscription has a gallery of a name once.
Result<std::optional<arm::ResourceId>> find_gallery(Connection& connection,
                                                    const std::string& subscription,
                                                    std::string_view name) {
  for (const auto& each : TRY(connection.list(
           fmt::format("/subscriptions/{}/providers/Microsoft.Compute/galleries?api-version={}",
                       subscription, copying_api)))) {
    if (!iequals(string_at(each, "name"), name)) continue;
    return TRY(arm::ResourceId::parse(string_at(each, "id")));
  }
  return std::nullopt;
}

Result<> check_depth(const arm::ResourceId& id, const std::string& name) {
  const bool good = id.is_resource() && iequals(id.provider, "Microsoft.Compute") &&
                    iequals(id.types.front(), "galleries") && id.types.size() <= 3;
  if (good) return {};
  return fail(Kind::invalid,
              fmt::format("'{}' is not a gallery, a definition or a version.", name));
}

Result<arm::ResourceId> source_of(const CopyOptions& options, Connection& connection) {
  auto reference = TRY(parse_reference(options.from));
  if (!reference.id) {
    const auto subscription = TRY(find_subscription(connection, options.subscription));
    auto gallery = gallery_in(subscription, options.group, reference.gallery);
    if (options.group.empty()) {
      const auto found = TRY(find_gallery(connection, subscription, reference.gallery));
      if (!found) {
        return fail(Kind::not_found, fmt::format("There is no gallery '{}' in the subscription "
                                                 "{}. `pinaco list` shows what there is.",
                                                 reference.gallery, subscription));
      }
      gallery = *found;
    }
    reference.id = gallery;
    if (!reference.definition.empty()) {
      reference.id = gallery.child("images", reference.definition);
    }
    if (!reference.version.empty()) {
      reference.id = reference.id->child("versions", reference.version);
    }
  }
  auto id = *reference.id;
  TRY(check_depth(id, options.from));
  if (id.types.size() == 3 && id.name() == "latest") {
    const auto versions = TRY(list_below(connection, id.parent(), "versions"));
    const Json* latest = find_latest(versions);
    if (latest == nullptr) {
      return fail(Kind::not_found, fmt::format("{} has no version that is ready and not excluded "
                                               "from latest.",
                                               id.parent().nested_name()));
    }
    id.names.back() = std::string(string_at(*latest, "name"));
  }
  return id;
}

// As deep as `from`, with its names where `to` has none.
Result<arm::ResourceId> target_of(const CopyOptions& options, Connection& connection,
                                  const arm::ResourceId& from) {
  const auto reference = TRY(parse_reference(options.to));
  arm::ResourceId to;
  if (reference.id) {
    to = *reference.id;
    TRY(check_depth(to, options.to));
  } else {
    const auto subscription = TRY(find_subscription(connection, options.to_subscription));
    to = gallery_in(subscription, options.to_group, reference.gallery);
    if (options.to_group.empty()) {
      const auto found = TRY(find_gallery(connection, subscription, reference.gallery));
      if (found) to = *found;
      if (!found) to.group = from.group;
    }
    if (!reference.definition.empty()) to = to.child("images", reference.definition);
    if (!reference.version.empty()) to = to.child("versions", reference.version);
  }
  if (to.types.size() > from.types.size() || to.name() == "latest") {
    return fail(Kind::invalid,
                fmt::format("'{}' cannot become '{}': a gallery is copied to a gallery, a "
                            "definition to a gallery or a definition there, a version to either or "
                            "to a version by its number.",
                            options.from, options.to));
  }
  for (auto depth = to.types.size(); depth < from.types.size(); depth++) {
    to = to.child(from.types[depth], from.names[depth]);
  }
  if (to == from) {
    return fail(Kind::invalid, fmt::format("{} is to be copied to itself. Name another gallery, "
                                           "definition or number.",
                                           from.nested_name()));
  }
  return to;
}

class Planner {
 public:
  explicit Planner(Connection& connection)
      : connection_(connection), now_(connection.patience().clock.now()) {}

  Result<> add_gallery(const arm::ResourceId& from, const arm::ResourceId& to);
  Result<> add_definition(const arm::ResourceId& from, const arm::ResourceId& to);
  // All, or the one that is named.
  Result<> add_versions(const arm::ResourceId& from, const arm::ResourceId& to,
                        const std::string& number, const std::string& to_number);

  std::vector<CopyStep> steps;

 private:
  Result<> add_version(const Json& shown, const arm::ResourceId& from, const arm::ResourceId& to,
                       const Json* there);
  // None when the contents of one of them are not known.
  std::optional<bool> same_bytes(const arm::ResourceId& one, const arm::ResourceId& other);
  void drop_past(Json& body, std::string_view path, CopyStep& step) const;

  Connection& connection_;
  const WallTime now_;
};

// A date of the past was allowed once, and is not for a new one.
void Planner::drop_past(Json& body, std::string_view path, CopyStep& step) const {
  const auto date = parse_iso8601(string_at(body, path));
  if (!date || *date > now_) return;
  step.why =
      fmt::format("without its end of life {}, which is over", string_at(body, path).substr(0, 10));
  erase_path(body, path);
}

Json envelope_of(const Json& shown) {
  Json body = JsonObject{{"location", arm::normalize_location(string_at(shown, "location"))}};
  if (const Json* tags = find_path(shown, "tags")) set_path(body, "tags", *tags);
  return body;
}

void take(const Json& shown, Json& body, std::string_view path) {
  if (const Json* value = find_path(shown, path)) set_path(body, path, *value);
}

Result<> Planner::add_gallery(const arm::ResourceId& from, const arm::ResourceId& to) {
  const auto shown = TRY(connection_.find(path_for(from)));
  if (!shown) return fail(Kind::not_found, fmt::format("There is no {}.", from.nested_name()));
  CopyStep step{.from = from, .to = to};
  step.body = envelope_of(*shown);
  take(*shown, step.body, "properties.description");
  if (TRY(connection_.find(path_for(to)))) step.fate = CopyFate::there;
  steps.push_back(std::move(step));
  return {};
}

Result<> Planner::add_definition(const arm::ResourceId& from, const arm::ResourceId& to) {
  const auto shown = TRY(connection_.find(path_for(from)));
  if (!shown) return fail(Kind::not_found, fmt::format("There is no {}.", from.nested_name()));
  CopyStep step{.from = from, .to = to};
  step.body = envelope_of(*shown);
  take(*shown, step.body, "properties");
  erase_path(step.body, "properties.provisioningState");
  drop_past(step.body, "properties.endOfLifeDate", step);
  if (const auto there = TRY(connection_.find(path_for(to)))) {
    step.fate = CopyFate::there;
    step.why.clear();
    for (const char* trait : {"osType", "osState", "hyperVGeneration", "architecture"}) {
      const auto path = fmt::format("properties.{}", trait);
      if (iequals(string_at(*shown, path), string_at(*there, path))) continue;
      step.fate = CopyFate::conflict;
      step.why = fmt::format("it is there with {} '{}', and {} has '{}'", trait,
                             string_at(*there, path), from.nested_name(), string_at(*shown, path));
    }
  }
  steps.push_back(std::move(step));
  return {};
}

std::optional<bool> Planner::same_bytes(const arm::ResourceId& one, const arm::ResourceId& other) {
  const auto digests = [&](const arm::ResourceId& id) -> std::vector<std::string> {
    std::vector<std::string> found;
    const auto contents = get_contents(connection_, id);
    const Json* disks = contents ? find_path(*contents, "disks") : nullptr;
    if (disks == nullptr || !disks->is_array()) return {};
    for (const Json& disk : disks->get_array()) {
      const auto image = string_at(disk, "image");
      if (image.empty()) return {};
      found.push_back(fmt::format("{} {} {}", string_at(disk, "role"), int_at(disk, "lun"), image));
    }
    return found;
  };
  const auto left = digests(one);
  const auto right = digests(other);
  if (left.empty() || right.empty()) return std::nullopt;
  return left == right;
}

Result<> Planner::add_version(const Json& shown, const arm::ResourceId& from,
                              const arm::ResourceId& to, const Json* there) {
  CopyStep step{.from = from, .to = to};
  const auto state = string_at(shown, "properties.provisioningState");
  if (state != "Succeeded" && state != "Updating") {
    step.fate = CopyFate::skip;
    step.why = fmt::format("its state is {}", state);
    steps.push_back(std::move(step));
    return {};
  }
  step.body = envelope_of(shown);
  for (const char* member : {"targetRegions", "replicaCount", "excludeFromLatest", "endOfLifeDate",
                             "storageAccountType", "replicationMode"}) {
    take(shown, step.body, fmt::format("properties.publishingProfile.{}", member));
  }
  for (const char* member :
       {"allowDeletionOfReplicatedLocations", "blockDeletionBeforeEndOfLife"}) {
    take(shown, step.body, fmt::format("properties.safetyProfile.{}", member));
  }
  drop_past(step.body, "properties.publishingProfile.endOfLifeDate", step);
  set_path(step.body, "properties.storageProfile.source.id", from.text());
  if (there != nullptr && string_at(*there, "properties.provisioningState") != "Failed") {
    // One that is still being made is watched to its end.
    const bool made = string_at(*there, "properties.provisioningState") != "Creating";
    // The name of its source says little: that may have been deleted, and made again of other
    // bytes.
    const auto compared = made ? same_bytes(from, to) : std::nullopt;
    const bool same = compared.value_or(
        iequals(string_at(*there, "properties.storageProfile.source.id"), from.text()));
    step.fate = !same ? CopyFate::conflict : made ? CopyFate::there : CopyFate::make;
    step.why = same ? "" : "a version of this number is there, with other bytes";
  }
  steps.push_back(std::move(step));
  return {};
}

Result<> Planner::add_versions(const arm::ResourceId& from, const arm::ResourceId& to,
                               const std::string& number, const std::string& to_number) {
  auto versions = TRY(list_below(connection_, from, "versions"));
  sort_versions(versions);
  std::ranges::reverse(versions);
  std::map<std::string, Json> there;
  if (steps.back().fate == CopyFate::there) {
    for (auto& each : TRY(list_below(connection_, to, "versions"))) {
      there.emplace(string_at(each, "name"), std::move(each));
    }
  }
  bool found = false;
  for (const auto& shown : versions) {
    const std::string name(string_at(shown, "name"));
    if (!number.empty() && name != number) continue;
    found = true;
    const auto& to_name = number.empty() ? name : to_number;
    const auto known = there.find(to_name);
    TRY(add_version(shown, from.child("versions", name), to.child("versions", to_name),
                    known == there.end() ? nullptr : &known->second));
  }
  if (found || number.empty()) return {};
  return fail(Kind::not_found, fmt::format("There is no {}/{}.", from.nested_name(), number));
}

}  // namespace

Result<std::vector<CopyStep>> plan_copy(const CopyOptions& options, Connection& connection) {
  const auto from = TRY(source_of(options, connection));
  const auto to = TRY(target_of(options, connection, from));
  Planner planner(connection);
  const auto above = [](arm::ResourceId id, std::size_t depth) {
    while (id.types.size() > depth) id = id.parent();
    return id;
  };
  TRY(planner.add_gallery(above(from, 1), above(to, 1)));
  if (from.types.size() == 1) {
    for (const auto& each : TRY(list_below(connection, from, "images"))) {
      const std::string name(string_at(each, "name"));
      const auto target = to.child("images", name);
      TRY(planner.add_definition(from.child("images", name), target));
      TRY(planner.add_versions(from.child("images", name), target, "", ""));
    }
    return std::move(planner.steps);
  }
  TRY(planner.add_definition(above(from, 2), above(to, 2)));
  const bool one = from.types.size() == 3;
  TRY(planner.add_versions(above(from, 2), above(to, 2), one ? from.name() : "",
                           one ? to.name() : ""));
  return std::move(planner.steps);
}

}  // namespace pinaco::app
