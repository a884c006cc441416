#include "app/resource_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

struct Parts {
  std::string group;
  std::string name;
};

// Names go into paths, so that only what the server would take anyway is let through.
Result<Parts> parse_name(const Sort& sort, std::string_view text, std::string_view group) {
  const auto words = split(text, '/');
  if (words.size() > 2) {
    return fail(Kind::invalid, fmt::format("'{}' is no name of a {}. Use NAME, GROUP/NAME, or a "
                                           "resource id that starts with /subscriptions/.",
                                           text, sort.what));
  }
  Parts parts{.group = std::string(group), .name = std::string(words.back())};
  if (words.size() == 2) {
    if (!group.empty() && !iequals(group, words[0])) {
      return fail(Kind::invalid, fmt::format("'{}' names the group {}, and --group names {}.", text,
                                             words[0], group));
    }
    parts.group = words[0];
  }
  TRY(arm::check_disk_name(parts.name, sort.what));
  if (!parts.group.empty()) TRY(arm::check_group_name(parts.group));
  return parts;
}

Result<arm::ResourceId> parse_id(const Sort& sort, std::string_view text) {
  auto id = TRY(arm::ResourceId::parse(text));
  const auto type = fmt::format("{}/{}", sort.provider, sort.type);
  if (id.is_resource() && iequals(id.full_type(), type)) return id;
  return fail(Kind::invalid,
              fmt::format("'{}' is no {}: its id has the type {}.", text, sort.what, type));
}

}  // namespace

arm::ResourceId id_of(const Connection& connection, const Sort& sort, std::string_view group,
                      std::string_view name) {
  return {.subscription = connection.login().subscription,
          .group = std::string(group),
          .provider = std::string(sort.provider),
          .types = {std::string(sort.type)},
          .names = {std::string(name)}};
}

std::string list_path(const Connection& connection, const Sort& sort, std::string_view group) {
  auto all = id_of(connection, sort, group, "");
  all.names.clear();
  return path_of(all);
}

Error none_named(const Sort& sort, std::string_view name) {
  std::string message = fmt::format("There is no {} '{}'.", sort.what, name);
  if (!sort.list.empty()) message += fmt::format(" `{}` shows those that there are.", sort.list);
  return {.kind = Kind::not_found, .message = std::move(message)};
}

Result<arm::ResourceId> name_new(const Connection& connection, const Sort& sort,
                                 std::string_view text, std::string_view group) {
  if (text.starts_with('/')) return parse_id(sort, text);
  const auto parts = TRY(parse_name(sort, text, group));
  return id_of(connection, sort,
               parts.group.empty() ? default_group : std::string_view(parts.group), parts.name);
}

Result<arm::ResourceId> find_named(Connection& connection, const Sort& sort, std::string_view text,
                                   std::string_view group) {
  if (text.starts_with('/')) return parse_id(sort, text);
  const auto parts = TRY(parse_name(sort, text, group));
  if (!parts.group.empty()) return id_of(connection, sort, parts.group, parts.name);
  std::vector<arm::ResourceId> found;
  for (const auto& item : TRY(connection.list(list_path(connection, sort, "")))) {
    if (!iequals(string_at(item, "name"), parts.name)) continue;
    found.push_back(TRY(arm::ResourceId::parse(string_at(item, "id"))));
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) return std::unexpected(none_named(sort, parts.name));
  std::vector<std::string> names;
  for (const auto& id : found) names.push_back(fmt::format("{}/{}", id.group, id.name()));
  return fail(Kind::conflict, fmt::format("There are several named '{}': {}. Choose one of these, "
                                          "or with --group.",
                                          parts.name, join(names, ", ")));
}

}  // namespace pinaco::app
