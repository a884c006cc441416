// What every resource type shares: PUT, PATCH, GET, DELETE and lists, as one transaction each.
// The differences are in the type's row and schema.
#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "provider/provider.h"
#include "provider/regions.h"
#include "provider/schema.h"
#include "provider/tags.h"
#include "provider/tracked.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t page_rows = 100;

constexpr std::string_view envelope_members[] = {
    "id",   "name",     "type", "location",         "tags",       "properties", "sku", "zones",
    "etag", "identity", "plan", "extendedLocation", "systemData", "managedBy",  "kind"};

Error bad_content(std::string_view what) {
  return arm::error(
      Kind::invalid, "InvalidRequestContent",
      fmt::format("The request content was invalid and could not be deserialized: '{}'.", what));
}

Result<const JsonObject*> envelope_of(const Json& body) {
  if (!body.is_object()) return fail(bad_content("a JSON object is expected"));
  for (const auto& member : body.get_object()) {
    bool known = member.value().is_null();
    for (const auto name : envelope_members) known = known || iequals(name, member.key());
    if (known && !iequals(member.key(), "properties")) {
      TRY(check_depth(member.value(), member.key()));
    }
    if (!known) {
      return fail(
          bad_content(fmt::format("Could not find member '{}' on object of type "
                                  "'ResourceDefinition'. Path '{}'",
                                  std::string_view(member.key()), std::string_view(member.key()))));
    }
  }
  return &body.get_object();
}

Json member_or_null(const JsonObject& object, std::string_view name) {
  const Json* found = find_member(object, name);
  return found == nullptr ? Json(nullptr) : *found;
}

Result<std::string> location_of(const ResourceType& type, const Call& call,
                                const JsonObject& envelope) {
  const Json location = member_or_null(envelope, "location");
  if (!location.is_string() || location.get_string().empty()) {
    return fail(arm::error(Kind::invalid, "LocationRequired",
                           "The location property is required for this definition."));
  }
  const std::string name(location.get_string());
  if (const Location* known = call.world.find_location(name)) return known->name;
  TRY(call.model.read(call.id.subscription, [&](const model::View& view) {
    return check_location(type, call, view, name);
  }));
  return name;
}

Result<> check_parents(const Call& call, const model::Change& change) {
  const auto group = TRY(change.find(call.id.group_id()));
  if (!group) return fail(arm::group_not_found(call.id.group));
  if (!group->operation.empty()) {
    return fail(arm::error(Kind::conflict, "ResourceGroupBeingDeleted",
                           fmt::format("The resource group '{}' is in deprovisioning state and "
                                       "cannot perform this operation.",
                                       call.id.group)));
  }
  if (call.id.types.size() == 1) return {};
  if (!TRY(change.find(call.id.parent()))) return fail(arm::parent_not_found(call.id.parent()));
  // One that is on its way out with all that is in it gets nothing new.
  const bool in_gallery = iequals(call.id.types.front(), "galleries");
  for (auto above = call.id.parent(); in_gallery && above.is_resource(); above = above.parent()) {
    const auto row = TRY(change.find(above));
    if (row && row->provisioning == "Deleting") return fail(busy_with(*row));
  }
  return {};
}

// sku is {"name": "..."}, zones a short list of short texts; galleries have neither.
Result<> check_placement(const ResourceType& type, std::string_view name, const Json& said,
                         bool patch) {
  bool good = type.placed;
  if (name == "sku") {
    good = good && said.is_object() && string_at(said, "name").size() <= 64 &&
           (patch || !string_at(said, "name").empty());
  } else {
    good = good && said.is_array() && said.get_array().size() <= 3;
    for (std::size_t i = 0; good && i < said.get_array().size(); i++) {
      const Json& zone = said.get_array()[i];
      good = zone.is_string() && zone.get_string().size() <= 8;
    }
  }
  if (good) return {};
  return fail(
      bad_content(fmt::format("'{}' is not valid for '{}/{}'", name, type.provider, type.type)));
}

// The id of what is made: those above it keep the casing that they were made with.
Result<arm::ResourceId> id_as_made(const Call& call, const model::Change& change) {
  arm::ResourceId id = call.id;
  id.subscription = change.subscription();
  const bool nested = id.types.size() > 1;
  const auto above = TRY(change.find(nested ? id.parent() : id.group_id()));
  if (!above) return id;
  id.group = above->id.group;
  if (nested) std::ranges::copy(above->id.names, id.names.begin());
  return id;
}

std::string body_digest(const Call& call) {
  return Digest::of(as_bytes(call.method + to_text(call.body))).hex();
}

Result<Outcome> accepted(const ResourceType& type, const Call& call,
                         const model::Resource& resource, std::optional<model::Operation> operation,
                         int status) {
  auto shown = TRY(show(type, call, resource));
  Outcome outcome{.status = status, .body = std::move(shown)};
  outcome.location_header = status == 202;
  outcome.operation = std::move(operation);
  return outcome;
}

// One PUT or PATCH inside its transaction.
Result<Outcome> write(const ResourceType& type, const Call& call, model::Change& change,
                      const JsonObject& envelope, std::string location, bool patch) {
  if (!patch && !type.nested) TRY(check_location(type, call, change, location));
  TRY(check_parents(call, change));
  TRY(access::check_locks(change, call.id.text(), false));
  const auto current = TRY(change.find(call.id));
  if (patch && !current) return fail(arm::resource_not_found(call.id));
  const int status = patch ? (type.created_status == 202 ? 202 : 200)
                           : (current && type.created_status != 202 ? 200 : type.created_status);
  if (current && !current->operation.empty()) {
    // The same request again, say after a lost answer, is answered with the operation it started.
    const auto running = TRY(change.find_operation(current->operation));
    if (running && string_at(running->input, "body") == body_digest(call)) {
      return accepted(type, call, *current, running,
                      current->provisioning == "Creating" ? type.created_status : status);
    }
    return fail(busy_with(*current));
  }
  if (current && !patch && !type.nested && !iequals(current->location, location)) {
    return fail(arm::error(
        Kind::conflict, "InvalidResourceLocation",
        fmt::format("The resource '{}' already exists in location '{}' in resource group '{}'. A "
                    "resource with the same name cannot be created in location '{}'. Please select "
                    "a new resource name.",
                    call.id.name(), current->location, call.id.group, location)));
  }
  // A creation that failed never was: the next PUT starts over.
  const bool fresh = !current || (!patch && current->provisioning == "Failed" &&
                                  !bool_at(current->internal, "created"));
  Draft draft{.call = call,
              .type = type,
              .change = change,
              .current = current,
              .wanted = {},
              .envelope = envelope};
  model::Resource& wanted = draft.wanted;
  if (current) wanted = *current;
  if (fresh) {
    auto id = TRY(id_as_made(call, change));
    wanted = model::Resource{.id = std::move(id), .location = location, .created = change.now()};
  }
  const Update update = fresh ? Update::create : patch ? Update::merge : Update::replace;
  const Json before = fresh ? Json(nullptr) : Json(current->properties);
  if (!fresh && type.changing != nullptr) TRY(type.changing(call, *current));
  wanted.properties = TRY(accept(*type.schema, type.label, call.api_version,
                                 member_or_null(envelope, "properties"), before, update));
  const Json tags = member_or_null(envelope, "tags");
  if (!tags.is_null()) {
    TRY(check_tags(type, tags));
    wanted.tags = tags;
  } else if (!patch) {
    wanted.tags = JsonObject();
  }
  for (const auto& [name, into] : {std::pair{"sku", &wanted.sku}, {"zones", &wanted.zones}}) {
    const Json said = member_or_null(envelope, name);
    if (said.is_null()) continue;
    TRY(check_placement(type, name, said, patch));
    if (!patch || !into->is_object()) {
      *into = said;
      continue;
    }
    for (const auto& member : said.get_object()) set_path(*into, member.key(), member.value());
  }
  if (!member_or_null(envelope, "zones").is_null()) TRY(check_zones(type, call, wanted));
  TRY(type.prepare(draft));

  std::optional<model::Operation> operation;
  if (!type.surface.empty()) {
    set_path(draft.input, "body", body_digest(call));
    const bool ended = draft.task.empty();
    operation = TRY(change.start(model::Operation{
        .resource = wanted.id,
        .task = draft.task,
        .surface = std::string(type.surface),
        .location = wanted.location,
        .state = ended ? model::OperationState::succeeded : model::OperationState::in_progress,
        .input = draft.input,
        .output = type.output ? Json(JsonObject{{"resource", true}}) : Json(nullptr)}));
  }
  const bool done = draft.task.empty() && !operation;
  wanted.provisioning = done ? "Succeeded" : fresh ? "Creating" : "Updating";
  auto outcome = TRY(accepted(type, call, wanted, operation, status));
  outcome.warnings = std::move(draft.warnings);
  if (draft.task.empty()) {
    wanted.provisioning = "Succeeded";
    set_path(wanted.internal, "created", true);
    wanted.operation.clear();
  } else {
    wanted.operation = operation->id;
  }
  TRY(change.put(wanted));
  return outcome;
}

Result<Outcome> write_resource(const ResourceType& type, const Call& call, bool patch) {
  const JsonObject* envelope = TRY(envelope_of(call.body));
  std::string location;
  if (!patch && !type.nested) location = TRY(location_of(type, call, *envelope));
  std::unique_lock<std::mutex> claimed;
  if (!patch && type.claim != nullptr) claimed = TRY(type.claim(call));
  std::optional<Outcome> outcome;
  const std::shared_lock crossing(call.model.crossing());
  const auto done = call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    outcome = TRY(write(type, call, change, *envelope, location, patch));
    return {};
  });
  if (done) return std::move(*outcome);
  // Of an unknown outcome the row may still come.
  if (claimed && type.unclaim != nullptr && done.error().kind != Kind::unavailable) {
    type.unclaim(call);
  }
  return fail(done.error());
}

}  // namespace

Error busy_with(const model::Resource& resource) {
  return arm::error(Kind::busy, "Conflict",
                    fmt::format("Another operation ({}) is working on '{}'. Wait until it has "
                                "ended and try again.",
                                resource.provisioning, resource.id.text()));
}

const Location* World::find_location(std::string_view any_spelling) const {
  const std::string wanted = arm::normalize_location(any_spelling);
  for (const Location& location : locations) {
    if (location.name == wanted || arm::normalize_location(location.display_name) == wanted) {
      return &location;
    }
  }
  return nullptr;
}

Result<> Call::may_link(std::string_view action, const arm::ResourceId& linked) const {
  const auto everybody = TRY(access.directory().roster());
  const auto* subscription = everybody->find_subscription(linked.subscription);
  bool of_tenant = false;
  const auto allowed = [&](const identity::Caller& each) -> Result<bool> {
    if (subscription == nullptr || each.tenant != subscription->tenant) return false;
    of_tenant = true;
    return access.allows(each, action, linked.text());
  };
  if (TRY(allowed(caller))) return {};
  for (const auto& each : caller.auxiliary) {
    if (TRY(allowed(each))) return {};
  }
  if (subscription != nullptr && !of_tenant) {
    return fail(arm::error(
        Kind::denied, "LinkedAuthorizationFailed",
        fmt::format("The client has permission to perform action '{}' on scope '{}', however the "
                    "current tenant '{}' is not authorized to access linked subscription '{}'.",
                    action, id.text(), caller.tenant, linked.subscription)));
  }
  return fail(arm::error(
      Kind::denied, "LinkedAuthorizationFailed",
      fmt::format(
          "The client '{}' with object id '{}' has permission to perform action '{}/write' "
          "on scope '{}'; however, it does not have permission to perform action(s) '{}' on "
          "the linked scope(s) '{}' (respectively) or the linked scope(s) are invalid.",
          caller.name, caller.object_id, id.full_type(), id.text(), action, linked.text())));
}

Result<bool> Call::may_read(const arm::ResourceId& which) const {
  return access.allows(caller, which.full_type() + "/read", which.text());
}

Result<std::optional<model::Resource>> Draft::find_linked(const arm::ResourceId& id) const {
  if (iequals(id.subscription, change.subscription())) return change.find(id);
  return call.model.find(id);
}

Result<Outcome> put_resource(const ResourceType& type, const Call& call) {
  TRY(type.check_name(call.id.name()));
  return write_resource(type, call, false);
}

Result<Outcome> patch_resource(const ResourceType& type, const Call& call) {
  return write_resource(type, call, true);
}

Result<Outcome> get_resource(const ResourceType& type, const Call& call) {
  std::optional<model::Resource> row;
  TRY(call.model.read(call.id.subscription, [&](const model::View& view) -> Result<> {
    if (!TRY(view.find(call.id.group_id()))) return fail(arm::group_not_found(call.id.group));
    row = TRY(view.get(call.id));
    return {};
  }));
  auto shown = TRY(show(type, call, *row));
  return Outcome{.body = std::move(shown)};
}

Result<Outcome> list_resources(const ResourceType& type, const Call& call) {
  const auto token = call.query.find("$skiptoken");
  const auto top = call.query.find("$top");
  std::size_t rows_max = page_rows;
  if (top != call.query.end()) {
    const auto wanted = parse_int(top->second, 1, static_cast<std::int64_t>(page_rows));
    if (!wanted) {
      return fail(arm::error(Kind::invalid, "InvalidParameter",
                             fmt::format("$top must be a number from 1 to {}.", page_rows),
                             "$top"));
    }
    rows_max = static_cast<std::size_t>(*wanted);
  }
  Outcome outcome;
  TRY(call.model.read(call.id.subscription, [&](const model::View& view) -> Result<> {
    if (!call.id.group.empty() && !TRY(view.find(call.id.group_id()))) {
      return fail(arm::group_not_found(call.id.group));
    }
    Call here = call;
    std::optional<model::Resource> above;
    if (call.id.types.size() > 1) {
      above = TRY(view.find(call.id.parent()));
      if (!above) return fail(arm::parent_not_found(call.id.parent()));
      here.above = &*above;
    }
    // Pages are filled with what the caller may read, so that a page says nothing about the rest.
    JsonArray rows;
    std::string from = token == call.query.end() ? "" : token->second;
    do {
      const auto page = TRY(view.list(call.id, from, rows_max - rows.size()));
      for (const auto& row : page.rows) {
        if (TRY(call.may_read(row.id))) rows.push_back(TRY(show(type, here, row)));
      }
      from = page.next;
    } while (!from.empty() && rows.size() < rows_max);
    outcome.body = JsonObject{{"value", std::move(rows)}};
    outcome.next = from;
    return {};
  }));
  return outcome;
}

Result<Json> show(const ResourceType& type, const Call& call, const model::Resource& resource) {
  JsonObject properties =
      project(*type.schema, call.api_version,
              resource.properties.is_object() ? resource.properties.get_object() : JsonObject());
  properties["provisioningState"] = resource.provisioning;
  if (type.show != nullptr) TRY(type.show(call, resource, properties));
  JsonObject body;
  body["name"] = resource.id.name();
  body["id"] = resource.id.text();
  body["type"] = fmt::format("{}/{}", type.provider, type.type);
  if (!type.nested) body["location"] = resource.location;
  if (resource.tags.is_object() && !resource.tags.get_object().empty())
    body["tags"] = resource.tags;
  if (!resource.sku.is_null()) body["sku"] = resource.sku;
  if (!resource.zones.is_null()) body["zones"] = resource.zones;
  for (const char* member : {"plan", "managedBy", "kind", "name", "instanceId"}) {
    if (const Json* value = find_path(resource.internal, member)) body[member] = *value;
  }
  body["properties"] = std::move(properties);
  return body;
}

}  // namespace pinaco::provider
