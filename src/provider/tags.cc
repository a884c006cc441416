// Microsoft.Resources/tags/default: the tags of a subscription, a group or a resource without the
// rest of it, so that who may tag need not be able to change. The tags are where they always were,
// in the row of what has them; those of a subscription, which has no row, are a fact in its shard.
#include "provider/tags.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/authorization.h"
#include "provider/galleries.h"
#include "provider/tracked.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view versions[] = {"2019-10-01", "2020-06-01", "2020-08-01", "2020-10-01",
                                         "2021-01-01", "2021-04-01", "2022-09-01", "2023-07-01",
                                         "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01",
                                         "2025-04-01"};
constexpr std::string_view of_subscription = "tags/subscription";
constexpr std::string_view storage_type = "Microsoft.Storage/storageAccounts";
constexpr std::size_t storage_name_max = 128;

Error bad_content(std::string message) {
  return arm::error(Kind::invalid, "InvalidRequestContent", std::move(message));
}

// Where the tags of a scope are.
struct Place {
  arm::ResourceId id;
  const ResourceType* type = nullptr;  // of a resource
};

Result<Place> find_place(const Call& call) {
  if (call.parts.at("name") != "default") {
    return fail(arm::error(Kind::invalid, "InvalidResourceName",
                           "The tags of a scope have the name 'default'."));
  }
  Place place;
  const auto id = arm::ResourceId::parse(scope_of(call));
  if (!id || id->subscription.empty()) {
    return fail(arm::error(Kind::invalid, "InvalidScope",
                           "Tags are on subscriptions, resource groups and resources."));
  }
  place.id = *id;
  if (!id->is_resource()) return place;
  place.type = find_type(id->provider, id->type());
  // Subnets and rules are parts of what can be tagged.
  if (place.type != nullptr && !(place.type->nested && id->provider == "Microsoft.Network")) {
    return place;
  }
  return fail(arm::error(Kind::invalid, "UnsupportedResourceOperation",
                         fmt::format("The resource type '{}' does not support tags.",
                                     id->full_type().substr(0, 200))));
}

Outcome show_tags(const Call& call, const Json& shown) {
  return {.body = JsonObject{
              {"id", fmt::format("{}/providers/Microsoft.Resources/tags/default", scope_of(call))},
              {"name", "default"},
              {"type", "Microsoft.Resources/tags"},
              {"properties", JsonObject{{"tags", shown}}}}};
}

using Make = std::function<Result<Json>(const Json& current)>;

Result<> write_row(const Call& call, const Place& place, model::Change& change, const Make& make,
                   Json& made) {
  auto row = TRY(change.get(place.id));
  if (place.id.is_resource()) TRY(check_group_stays(change, place.id));
  if (!row.operation.empty()) return fail(busy_with(row));
  made = TRY(make(row.tags));
  TRY(place.type != nullptr ? check_tags(*place.type, made) : arm::check_tags(made));
  if (place.id.is_resource()) TRY(check_policy_tags(call, place.id, row.tags, made));
  row.tags = made;
  return change.put(row);
}

Result<Json> write(const Call& call, bool deletes, const Make& make) {
  const auto place = TRY(find_place(call));
  Json made;
  TRY(call.model.change(place.id.subscription, [&](model::Change& change) -> Result<> {
    TRY(check_scope_exists(change, call.caller.tenant, scope_of(call)));
    TRY(access::check_locks(change, scope_of(call), deletes));
    if (!place.id.group.empty()) return write_row(call, place, change, make, made);
    made = TRY(make(TRY(tags_of_subscription(change))));
    TRY(arm::check_tags(made));
    if (made.get_object().empty()) return change.erase_fact(of_subscription);
    return change.put_fact(of_subscription, made);
  }));
  return made;
}

Result<JsonObject> said_tags(const Call& call) {
  const Json* properties = find_path(call.body, "properties");
  if (properties == nullptr || !properties->is_object()) {
    return fail(bad_content("The request content has no 'properties'."));
  }
  const Json* said = find_path(*properties, "tags");
  if (said == nullptr || said->is_null()) return JsonObject();
  if (!said->is_object()) return fail(bad_content("'properties.tags' is not an object."));
  return said->get_object();
}

JsonObject::iterator find_tag(JsonObject& among, std::string_view name) {
  return std::ranges::find_if(among, [&](const auto& each) { return iequals(each.key(), name); });
}

// Names in any casing are one tag, which keeps the casing it was made with.
void merge(JsonObject& into, const JsonObject& said) {
  for (const auto& each : said) {
    const auto there = find_tag(into, each.key());
    if (there != into.end()) {
      there->value() = each.value();
    } else {
      into[each.key()] = each.value();
    }
  }
}

// A name without a value goes whatever it has; one with a value if it has that.
void take_away(JsonObject& from, const JsonObject& said) {
  for (const auto& each : said) {
    const auto there = find_tag(from, each.key());
    if (there == from.end()) continue;
    const Json& value = each.value();
    const bool any = value.is_null() || (value.is_string() && value.get_string().empty());
    if (any || value == there->value()) from.erase(there);
  }
}

Result<Outcome> get_tags(const Call& call) {
  const auto place = TRY(find_place(call));
  Json found;
  TRY(call.model.read(place.id.subscription, [&](const model::View& view) -> Result<> {
    TRY(check_scope_exists(view, call.caller.tenant, scope_of(call)));
    found = place.id.group.empty() ? TRY(tags_of_subscription(view)) : TRY(view.get(place.id))
    .tags;
    return {};
  }));
  return show_tags(call, found);
}

Result<Outcome> put_tags(const Call& call) {
  const auto said = TRY(said_tags(call));
  const auto made = TRY(write(call, false, [&](const Json&) -> Result<Json> { return said; }));
  return show_tags(call, made);
}

Result<Outcome> patch_tags(const Call& call) {
  const auto operation = string_at(call.body, "operation");
  const auto said = TRY(said_tags(call));
  const bool merges = iequals(operation, "Merge");
  const bool deletes = iequals(operation, "Delete");
  if (!merges && !deletes && !iequals(operation, "Replace")) {
    return fail(
        bad_content(fmt::format("The operation '{}' on tags is not Merge, Replace or "
                                "Delete.",
                                cut_text(operation, 40))));
  }
  const auto made = TRY(write(call, false, [&](const Json& current) -> Result<Json> {
    if (!merges && !deletes) return said;
    auto kept = current.get_object();
    if (merges) merge(kept, said);
    if (deletes) take_away(kept, said);
    return kept;
  }));
  return show_tags(call, made);
}

Result<Outcome> delete_tags(const Call& call) {
  TRY(write(call, true, [](const Json&) -> Result<Json> { return JsonObject(); }));
  return Outcome();
}

}  // namespace

Result<> check_tags(const ResourceType& type, const Json& said) {
  TRY(arm::check_tags(said));
  if (type.provider != storage_type.substr(0, storage_type.find('/')) ||
      type.type != storage_type.substr(storage_type.find('/') + 1)) {
    return {};
  }
  for (const auto& each : said.get_object()) {
    if (each.key().size() <= storage_name_max) continue;
    return fail(arm::error(Kind::invalid, "InvalidTagNameLength",
                           fmt::format("The name of a tag of a storage account has {} characters "
                                       "at most: '{}…' has more.",
                                       storage_name_max, cut_text(each.key(), 60)),
                           "tags"));
  }
  return {};
}

Result<Json> tags_of_subscription(const model::View& view) {
  const auto fact = TRY(view.find_fact(of_subscription));
  return fact ? *fact : Json(JsonObject());
}

Result<Json> tags_of_subscription(const model::Model& model, const std::string& subscription) {
  Json found;
  TRY(model.read(subscription, [&](const model::View& view) -> Result<> {
    found = TRY(tags_of_subscription(view));
    return {};
  }));
  return found;
}

const Extension tags{.provider = "Microsoft.Resources",
                     .type = "tags",
                     .api_versions = versions,
                     .locked = true,
                     .own_reads = false,
                     .list = nullptr,
                     .get = get_tags,
                     .put = put_tags,
                     .remove = delete_tags,
                     .patch = patch_tags};

}  // namespace pinaco::provider
