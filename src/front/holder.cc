#include "front/holder.h"

#include <algorithm>

#include "base/text.h"

namespace pinaco::front {
namespace {

constexpr std::size_t groups_max = 200;  // as many as a token of Azure's names

}  // namespace

std::string bytes_right(const arm::ResourceId& id) {
  const bool version = iequals(id.type(), "galleries/images/versions");
  return id.full_type() + (version ? "/read" : "/beginGetAccess/action");
}

Json holder_of(const identity::Caller& caller) {
  JsonArray groups;
  for (const auto& group : caller.groups) {
    if (groups.size() < groups_max) groups.emplace_back(group);
  }
  return JsonObject{{"tenant", caller.tenant},
                    {"oid", caller.object_id},
                    {"name", caller.name},
                    {"groups", std::move(groups)}};
}

Result<bool> still_may(const Parts& parts, const Json& holder, const arm::ResourceId& id) {
  identity::Caller caller{.tenant = std::string(string_at(holder, "tenant")),
                          .object_id = std::string(string_at(holder, "oid")),
                          .client_id = {},
                          .name = {}};
  if (const Json* groups = find_path(holder, "groups")) {
    for (const Json& group : groups->get_array()) caller.groups.emplace_back(group.get_string());
  }
  const auto everybody = TRY(parts.identity.directory().roster());
  const auto* principal = everybody->find_principal(caller.object_id);
  if (principal == nullptr || !principal->enabled || principal->tenant != caller.tenant) {
    return false;
  }
  return parts.access.allows(caller, bytes_right(id), id.text());
}

Result<Seconds> duration_of(const Json& body, Seconds otherwise, Seconds seconds_max) {
  const Json* said = find_path(body, "durationInSeconds");
  if (said == nullptr || said->is_null()) return otherwise;
  if (!said->is_int64()) {
    return fail(arm::invalid_parameter("durationInSeconds",
                                       "durationInSeconds must be a whole number of seconds."));
  }
  const auto seconds = said->get_int64();
  if (seconds < 1 || seconds > seconds_max.count()) {
    return fail(arm::out_of_range("durationInSeconds", seconds, 1, seconds_max.count()));
  }
  return Seconds(seconds);
}

}  // namespace pinaco::front
