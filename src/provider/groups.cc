// Resource groups: they answer at once; only a delete takes longer, because it takes all that is
// in the group with it.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/disk_access.h"
#include "provider/platform.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t page_rows = 100;

arm::ResourceId group_of(const Call& call) {
  return arm::ResourceId{.subscription = call.parts.at("subscription"),
                         .group = call.parts.at("group"),
                         .provider = {},
                         .types = {},
                         .names = {}};
}

JsonObject show_group(const model::Resource& group) {
  JsonObject body{{"id", group.id.text()},
                  {"name", group.id.group},
                  {"type", "Microsoft.Resources/resourceGroups"},
                  {"location", group.location}};
  if (!group.tags.get_object().empty()) body["tags"] = group.tags;
  body["properties"] = JsonObject{{"provisioningState", group.provisioning}};
  return body;
}

Error deleting(const model::Resource& group) {
  return arm::error(Kind::conflict, "ResourceGroupBeingDeleted",
                    fmt::format("The resource group '{}' is in deprovisioning state and cannot "
                                "perform this operation.",
                                group.id.group));
}

Result<Json> tags_of(const Call& call) {
  const Json* tags = find_path(call.body, "tags");
  if (tags == nullptr || tags->is_null()) return Json(nullptr);
  TRY(arm::check_tags(*tags));
  return *tags;
}

bool is_in(std::string_view id, const arm::ResourceId& group) {
  return istarts_with(id, group.text() + "/");
}

Error used_from_elsewhere(std::string_view what, std::string_view user) {
  return arm::error(Kind::conflict, "OperationNotAllowed",
                    fmt::format("The resource group cannot be deleted: '{}' in it is used by '{}', "
                                "which is in another group. Detach it there first.",
                                what, user));
}

// Machines and network interfaces of other groups that stand on what is in this one.
Result<> check_users(const model::View& view, const arm::ResourceId& group) {
  for (const auto& row : TRY(view.list_group(""))) {
    if (is_in(row.id.text(), group)) {
      for (const char* member : {"virtualMachine.id", "ipConfiguration.id"}) {
        const auto user = string_at(row.properties, member);
        if (!user.empty() && !is_in(user, group)) {
          return fail(used_from_elsewhere(row.id.text(), user));
        }
      }
      const auto machine = string_at(row.internal, "machine.id");
      if (!machine.empty() && !is_in(machine, group)) {
        return fail(used_from_elsewhere(row.id.text(), machine));
      }
      continue;
    }
    if (row.id.provider != "Microsoft.Network") continue;
    auto used = std::vector<std::string_view>{string_at(row.properties, "networkSecurityGroup.id")};
    if (const Json* configurations = find_path(row.properties, "ipConfigurations")) {
      for (const Json& each : configurations->get_array()) {
        used.push_back(string_at(each, "properties.subnet.id"));
      }
    }
    for (const auto id : used) {
      if (!id.empty() && is_in(id, group)) return fail(used_from_elsewhere(id, row.id.text()));
    }
  }
  return {};
}

// What refuses to be deleted by itself keeps the whole group, before anything of it is erased; what
// is used inside the group goes with its user.
Result<> check_contents(const Call& call, model::Change& change, const arm::ResourceId& group) {
  TRY(check_users(change, group));
  for (const auto& row : TRY(change.list_group(group.group))) {
    const auto* type = find_type(row.id.provider, row.id.type());
    if (type == nullptr || type->removing == nullptr || type->provider == "Microsoft.Network") {
      continue;
    }
    // The others' only check.
    TRY(type->removing == remove_disk ? check_no_links(change, row, change.now())
                                      : type->removing(call, change, row));
  }
  return {};
}

}  // namespace

Result<> check_group_stays(const model::View& view, const arm::ResourceId& id) {
  const auto group = TRY(view.find(id.group_id()));
  if (group && group->operation.empty()) return {};
  return fail(arm::error(Kind::conflict, "ResourceGroupBeingDeleted",
                         fmt::format("The resource group '{}' is being deleted; nothing in it can "
                                     "be used any more.",
                                     id.group)));
}

Result<Outcome> put_group(const Call& call) {
  const auto id = group_of(call);
  TRY(arm::check_group_name(id.group));
  const auto asked = string_at(call.body, "location");
  if (asked.empty()) {
    return fail(arm::error(Kind::invalid, "LocationRequired",
                           "The location property is required for this definition."));
  }
  const Json tags = TRY(tags_of(call));
  Outcome outcome;
  TRY(call.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    TRY(check_region(call.world, change, asked, "LocationNotAvailableForResourceGroup",
                     "resource group"));
    const Location* location = call.world.find_location(asked);
    auto group = TRY(change.find(id));
    outcome.status = group ? 200 : 201;
    if (group && !group->operation.empty()) return fail(deleting(*group));
    if (group && group->location != location->name) {
      return fail(arm::error(
          Kind::conflict, "InvalidResourceGroupLocation",
          fmt::format("Invalid resource group location '{}'. The Resource group already exists in "
                      "location '{}'.",
                      location->name, group->location)));
    }
    if (!group) {
      group = model::Resource{.id = id, .location = location->name, .created = change.now()};
    }
    group->tags = tags.is_null() ? Json(JsonObject()) : tags;
    outcome.body = show_group(*group);
    return change.put(*group);
  }));
  return outcome;
}

Result<Outcome> patch_group(const Call& call) {
  const Json tags = TRY(tags_of(call));
  Outcome outcome;
  TRY(call.model.change(call.parts.at("subscription"), [&](model::Change& change) -> Result<> {
    auto group = TRY(change.get(group_of(call)));
    if (!group.operation.empty()) return fail(deleting(group));
    if (!tags.is_null()) group.tags = tags;
    outcome.body = show_group(group);
    return change.put(group);
  }));
  return outcome;
}

Result<Outcome> get_group(const Call& call) {
  return Outcome {
    .body = show_group(TRY(call.model.get(group_of(call))))
  };
}

Result<Outcome> head_group(const Call& call) {
  return Outcome {
    .status = TRY(call.model.find(group_of(call)))
    ? 204 : 404
  };
}

Result<Outcome> delete_group(const Call& call) {
  const auto id = group_of(call);
  Outcome outcome{.status = 202, .location_header = true};
  TRY(call.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto group = TRY(change.get(id));
    if (!group.operation.empty()) {
      outcome.operation = TRY(change.find_operation(group.operation));
      return {};
    }
    TRY(access::check_locks(change, group.id.text(), true));
    TRY(check_contents(call, change, group.id));
    outcome.operation = TRY(change.start(model::Operation{.resource = group.id,
                                                          .task = "delete_group",
                                                          .surface = "operationresults",
                                                          .location = group.location}));
    group.operation = outcome.operation->id;
    group.provisioning = "Deleting";
    return change.put(group);
  }));
  return outcome;
}

Result<Outcome> list_groups(const Call& call) {
  const arm::ResourceId groups{.subscription = call.parts.at("subscription"),
                               .group = {},
                               .provider = "Microsoft.Resources",
                               .types = {"resourceGroups"},
                               .names = {}};
  const auto filter = call.query.find("$filter");
  const auto conditions =
      TRY(parse_filter(filter == call.query.end() ? std::string_view() : filter->second));
  Outcome outcome;
  TRY(call.model.read(groups.subscription, [&](const model::View& view) -> Result<> {
    const auto token = call.query.find("$skiptoken");
    std::string from = token == call.query.end() ? "" : token->second;
    JsonArray rows;
    do {
      const auto page = TRY(view.list(groups, from, page_rows - rows.size()));
      for (const auto& group : page.rows) {
        if (!fits(group, conditions)) continue;
        if (TRY(call.access.allows(call.caller,
                                   "Microsoft.Resources/subscriptions/"
                                   "resourceGroups/read",
                                   group.id.text()))) {
          rows.push_back(show_group(group));
        }
      }
      from = page.next;
    } while (!from.empty() && rows.size() < page_rows);
    outcome.body = JsonObject{{"value", std::move(rows)}};
    outcome.next = from;
    return {};
  }));
  return outcome;
}

}  // namespace pinaco::provider
