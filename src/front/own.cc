// Pinaco's own interface: digests, costs, links and NBD exports.
#include "front/own.h"

#include <fmt/format.h>

#include "base/text.h"
#include "front/holder.h"

namespace pinaco::front {
namespace {

constexpr Seconds link_longest = Seconds(24 * 3600);
constexpr std::size_t links_max = 64;  // of a resource
constexpr std::size_t erased_max = 400;

Error not_here(const Target& target) {
  return arm::error(Kind::not_found, "NotFound",
                    fmt::format("There is nothing at '{}'. Pinaco's own interface has regions, "
                                "contents, links, exports, expiry, deletions, cost, tenants and "
                                "subscriptions.",
                                target.path.substr(0, 200)));
}

Result<const Json*> lun_of(const provider::Call& call) {
  const Json* lun = find_path(call.body, "lun");
  if (lun == nullptr || lun->is_null()) return nullptr;
  if (lun->is_int64()) return lun;
  return fail(arm::invalid_parameter("lun", "The lun must be a whole number."));
}

}  // namespace

Result<std::string> OwnInterface::check_subscription(const identity::Caller& caller,
                                                     std::string_view id) const {
  const auto everybody = TRY(parts_.identity.directory().roster());
  if (const auto* found = everybody->find_subscription(id)) {
    if (found->tenant == caller.tenant) return found->id;
    return fail(identity::wrong_tenant(caller.tenant, found->tenant));
  }
  if (!arm::is_guid(id)) {
    return fail(arm::error(Kind::invalid, "InvalidSubscriptionId",
                           fmt::format("The provided subscription identifier '{}' is malformed or "
                                       "invalid.",
                                       id.substr(0, 100))));
  }
  return fail(arm::error(Kind::not_found, "SubscriptionNotFound",
                         fmt::format("The subscription '{}' could not be found.", id)));
}

// Parses, authorises and returns one id: reading the bytes of a disk is what beginGetAccess is for,
// those of a version belong to whoever may read it.
Result<arm::ResourceId> OwnInterface::resource_of(const provider::Call& call, std::string_view text,
                                                  std::string_view disk_right) const {
  auto id = TRY(arm::ResourceId::parse(text));
  id.subscription = TRY(check_subscription(call.caller, id.subscription));
  const auto* type = provider::find_type(id.provider, id.type());
  const bool version = type != nullptr && type->type == "galleries/images/versions";
  const bool disk = type != nullptr && (type->type == "disks" || type->type == "snapshots");
  if ((!version && !disk) || !id.is_resource()) {
    return fail(arm::invalid_parameter(
        "id",
        fmt::format("'{}' is not an image version, a disk or a snapshot.", text.substr(0, 300))));
  }
  TRY(parts_.access.may(
      call.caller,
      fmt::format("{}/{}/{}", type->provider, type->type, version ? "read" : disk_right),
      id.text()));
  return id;
}

http::Reply OwnInterface::answer(const provider::Call& call, const Target& target) {
  auto done = dispatch(call, target);
  return done ? std::move(*done) : error_reply(done.error());
}

Result<http::Reply> OwnInterface::dispatch(const provider::Call& call, const Target& target) {
  const auto& parts = target.segments;
  if (parts.size() < 3 || parts[1] != "v1") return fail(not_here(target));
  if (parts[2] == "regions") return regions(call, target);
  if (call.method == "GET" && parts[2] == "contents" && parts.size() == 3) return contents(call);
  if (call.method == "POST" && parts[2] == "links" && parts.size() == 3) return make_link(call);
  if (call.method == "DELETE" && parts[2] == "links" && parts.size() == 4) {
    return end_link(call, to_lower(parts[3]));
  }
  if (parts[2] == "exports") return exports(call, target);
  if (parts[2] == "expiry") return expiry(call, target);
  if (call.method == "GET" && parts[2] == "cost" && parts.size() == 3) return costs(call);
  if (parts[2] == "deletions" && parts.size() == 3) return deletions(call, target);
  if (parts[2] == "tenants" && parts.size() == 3) return tenants(call);
  if (parts[2] == "subscriptions" && parts.size() <= 4) return subscriptions(call, target);
  return fail(not_here(target));
}

// What a deployment in the definition's location, or in ?region=, would take.
Result<model::Resource> OwnInterface::latest(const provider::Call& call,
                                             const arm::ResourceId& id) const {
  if (id.types.size() != 3) return parts_.model.get(id);  // a disk may be called so
  provider::Call here = call;
  here.id = id;
  std::optional<model::Resource> found;
  TRY(parts_.model.read(id.subscription, [&](const model::View& view) -> Result<> {
    auto region = TRY(view.get(id.parent()))
    .location;
    if (const auto asked = call.query.find("region"); asked != call.query.end()) {
      region = arm::normalize_location(asked->second);
    }
    found = TRY(provider::resolve_image(here, view, id, region, false));
    return {};
  }));
  return std::move(*found);
}

Result<http::Reply> OwnInterface::contents(const provider::Call& call) {
  const auto asked = call.query.find("id");
  if (asked == call.query.end()) return fail(arm::missing_parameter("id"));
  const auto id = TRY(resource_of(call, asked->second, "read"));
  const auto row = TRY(iequals(id.name(), "latest") ? latest(call, id) : parts_.model.get(id));
  JsonArray disks;
  if (const Json* content = find_path(row.internal, "content")) disks.push_back(*content);
  if (const Json* contents = find_path(row.internal, "contents")) {
    for (const Json& content : contents->get_array()) disks.push_back(content);
  }
  JsonObject body{{"id", row.id.text()}, {"provisioningState", row.provisioning}};
  if (const Json* mark = find_path(row.internal, provider::mark_path)) body["going"] = *mark;
  for (const Json& disk : disks) {
    if (disks.size() > 1 && string_at(disk, "role") == "data") continue;
    body["imageDigest"] = string_at(disk, "image");
    for (const char* member :
         {"sizeBytes", "blocks", "dataBlocks", "newBlocks", "storedBytes", "importSeconds"}) {
      if (const Json* value = find_path(disk, member)) body[member] = *value;
    }
    break;
  }
  body["disks"] = std::move(disks);
  body["replicasMax"] = parts_.world.replicas_max;
  JsonArray regions;
  if (const Json* states = find_path(row.internal, "regions")) {
    for (const auto& state : states->get_object()) {
      JsonObject region{{"name", state.key()}};
      for (const auto& member : state.value().get_object()) region[member.key()] = member.value();
      if (id.type() == "galleries/images/versions") add_load(row.id, region);
      regions.push_back(std::move(region));
    }
  }
  body["regions"] = std::move(regions);
  return json_reply(200, body);
}

// Who makes machines from which replica, and what each place of the region has given.
void OwnInterface::add_load(const arm::ResourceId& version, JsonObject& region) const {
  const std::string name(region["name"].as_string());
  JsonArray places;
  if (const auto found = parts_.depot.find_region(name)) {
    for (const auto& load : found->loads()) {
      places.push_back(JsonObject{{"name", load.name}, {"reads", load.reads}});
    }
  }
  region["placeReads"] = std::move(places);
  if (parts_.host == nullptr) return;
  const auto loads = parts_.host->replicas().loads(work::replica_key(version, name));
  JsonArray replicas;
  for (const auto& load : loads.replicas) {
    replicas.push_back(JsonObject{{"creating", load.creating}, {"created", load.created}});
  }
  region["replicaLoads"] = std::move(replicas);
  region["waiting"] = loads.waiting;
}

Result<http::Reply> OwnInterface::make_link(const provider::Call& call) {
  const auto id = TRY(resource_of(call, string_at(call.body, "id"), "beginGetAccess/action"));
  TRY(parts_.access.check_locks(id.text(), false));
  const auto duration = TRY(duration_of(call.body, link_longest, link_longest));
  const Json* lun = TRY(lun_of(call));
  const auto opened = TRY(blobs_.open_resource(id, string_at(call.body, "region"),
                                               lun == nullptr ? Json(nullptr) : *lun));
  const std::string grant = parts_.model.random().uuid();
  const auto expires = parts_.model.clock().now() + duration;
  TRY(parts_.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    // Links that are over leave their rows behind; the next one clears them.
    std::size_t count = 0;
    std::size_t erased = 0;
    JsonArray live;
    for (const auto& [fact, value] : TRY(change.facts("grant/"))) {
      const auto until = parse_iso8601(string_at(value, "expires"));
      if (!until || *until <= change.now()) {
        if (erased++ < erased_max) TRY(change.erase_fact(fact));
      } else if (iequals(string_at(value, "resource"), id.text())) {
        live.emplace_back(fact.substr(fact.rfind('/') + 1));
        count++;
      }
    }
    if (count >= links_max) {
      return fail(arm::error(Kind::quota, "OperationNotAllowed",
                             fmt::format("'{}' has {} links already. End some, or wait until they "
                                         "are over.",
                                         id.text(), count)));
    }
    auto row = TRY(change.get(id));
    if (iequals(id.types.front(), "disks") || iequals(id.types.front(), "snapshots")) {
      // So that revoking the access to the disk ends this link as well.
      live.emplace_back(grant);
      set_path(row.internal, "grants", live);
      TRY(change.put(row));
    }
    return change.put_fact("grant/" + grant,
                           JsonObject{{"resource", id.text()},
                                      {"of", provider::identity_of(row)},
                                      {"access", "Read"},
                                      {"region", opened.region},
                                      {"lun", lun == nullptr ? Json(nullptr) : *lun},
                                      {"by", holder_of(call.caller)},
                                      {"expires", to_iso8601(expires)}});
  }));
  return json_reply(201, JsonObject{{"accessSAS", call.sign(id.subscription, grant)},
                                    {"name", grant},
                                    {"region", opened.region},
                                    {"sizeBytes", opened.disk->size_bytes()},
                                    {"imageDigest", opened.image},
                                    {"expires", to_iso8601(expires)}});
}

Result<http::Reply> OwnInterface::end_link(const provider::Call& call, const std::string& grant) {
  const auto everybody = TRY(parts_.identity.directory().roster());
  for (const auto& [id, subscription] : everybody->subscriptions()) {
    if (subscription.tenant != call.caller.tenant) continue;
    std::optional<Json> fact;
    TRY(parts_.model.read(id, [&](const model::View& view) -> Result<> {
      fact = TRY(view.find_fact("grant/" + grant));
      return {};
    }));
    if (!fact) continue;
    TRY(resource_of(call, string_at(*fact, "resource"), "endGetAccess/action"));
    TRY(parts_.model.change(
        id, [&](model::Change& change) { return change.erase_fact("grant/" + grant); }));
  }
  return http::Reply{.status = 204};
}

Result<http::Reply> OwnInterface::exports(const provider::Call& call, const Target& target) {
  const auto& parts = target.segments;
  if (parts.size() == 3 && call.method == "GET") return exports_.list(call);
  if (parts.size() == 3 && call.method == "POST") {
    const auto id = TRY(resource_of(call, string_at(call.body, "id"), "beginGetAccess/action"));
    TRY(lun_of(call));
    TRY(parts_.access.check_locks(id.text(), false));
    return exports_.make(call, id);
  }
  if (parts.size() != 4) return fail(not_here(target));
  const std::string& name = parts[3];
  const auto id = TRY(exports_.resource_of(name));
  TRY(resource_of(call, id.text(), "beginGetAccess/action"));
  if (call.method == "GET") return exports_.show(name);
  if (call.method == "DELETE") return exports_.end(name);
  if (call.method == "PATCH") {
    TRY(parts_.access.check_locks(id.text(), false));
    return exports_.renew(call, name);
  }
  return fail(
      arm::error(Kind::invalid, "HttpMethodNotSupported", "An export has GET, PATCH and DELETE."));
}

}  // namespace pinaco::front
