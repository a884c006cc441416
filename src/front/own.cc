// Pinaco's own interface: digests, costs, links and NBD exports.
#include "front/own.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"

namespace pinaco::front {
namespace {

constexpr std::size_t exports_max = 256;
constexpr std::int64_t link_seconds = 24 * 3600;

Error not_here(const Target& target) {
  return arm::error(Kind::not_found, "NotFound",
                    fmt::format("There is nothing at '{}'. Pinaco's own interface has regions, "
                                "contents, links, exports, tenants and subscriptions.",
                                target.path.substr(0, 200)));
}

Result<const Json*> lun_of(const provider::Call& call) {
  const Json* lun = find_path(call.body, "lun");
  if (lun == nullptr || lun->is_null()) return nullptr;
  if (lun->is_int64()) return lun;
  return fail(arm::invalid_parameter("lun", "The lun must be a whole number."));
}

// "10.0.0.5" of "https://10.0.0.5:8443".
std::string host_of(std::string_view base_url) {
  auto host = base_url.substr(base_url.find("//") + 2);
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    host = host.substr(0, colon);
  }
  return std::string(host);
}

std::string export_fact(std::string_view name) {
  return fmt::format("export/{}", name);
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

Result<> OwnInterface::restore_exports() {
  for (const auto& subscription : TRY(parts_.model.shards())) {
    TRY(parts_.model.change(subscription, [&](model::Change& view) -> Result<> {
      for (const auto& [fact, value] : TRY(view.facts("export/"))) {
        const auto name = fact.substr(fact.rfind('/') + 1);
        const auto id = arm::ResourceId::parse(string_at(value, "resource"));
        const auto row = id ? TRY(view.find(*id)) : std::nullopt;
        if (!row || provider::identity_of(*row) != string_at(value, "of")) {
          TRY(view.erase_fact(fact));
          continue;
        }
        const Json* lun = find_path(value, "lun");
        auto opened = blobs_.open_resource(*id, string_at(value, "region"),
                                           lun == nullptr ? Json(nullptr) : *lun);
        if (!opened) {
          LOG(warning, "front", "an export of {} is not offered again: {}", id->text(),
              opened.error().message);
          continue;
        }
        parts_.nbd.add(name, {.disk = opened->disk, .description = id->text()});
        exports_[name] = *id;
      }
      return {};
    }));
  }
  return {};
}

http::Reply OwnInterface::answer(const provider::Call& call, const Target& target) {
  auto done = dispatch(call, target);
  return done ? std::move(*done) : error_reply(done.error());
}

Result<http::Reply> OwnInterface::dispatch(const provider::Call& call, const Target& target) {
  const auto& parts = target.segments;
  if (parts.size() < 3 || parts[1] != "v1") return fail(not_here(target));
  if (call.method == "GET" && parts[2] == "regions" && parts.size() == 3) return regions();
  if (call.method == "GET" && parts[2] == "contents" && parts.size() == 3) return contents(call);
  if (call.method == "POST" && parts[2] == "links" && parts.size() == 3) return make_link(call);
  if (call.method == "POST" && parts[2] == "exports" && parts.size() == 3) return make_export(call);
  if (call.method == "DELETE" && parts[2] == "links" && parts.size() == 4) {
    return end_link(call, to_lower(parts[3]));
  }
  if (parts[2] == "exports" && parts.size() == 4) return use_export(call, parts[3]);
  if (parts[2] == "tenants" && parts.size() == 3) return tenants(call);
  if (parts[2] == "subscriptions" && parts.size() <= 4) return subscriptions(call, target);
  return fail(not_here(target));
}

Result<http::Reply> OwnInterface::regions() {
  JsonArray rows;
  for (const auto& region : parts_.depot.regions()) {
    const auto* location = parts_.world.find_location(region->name());
    JsonArray zones;
    if (location != nullptr) {
      for (const auto& zone : location->zones) zones.emplace_back(zone);
    }
    JsonArray places;
    for (const auto& place : region->places()) {
      places.push_back(
          JsonObject{{"zone", place.zone}, {"name", place.name}, {"premium", place.premium}});
    }
    const auto usage = TRY(region->usage());
    rows.push_back(JsonObject{
        {"name", region->name()},
        {"displayName", location == nullptr ? region->name() : location->display_name},
        {"zones", std::move(zones)},
        {"places", std::move(places)},
        {"usage",
         JsonObject{
             {"packs", usage.packs}, {"manifests", usage.manifests}, {"bytes", usage.bytes}}}});
  }
  return json_reply(200, JsonObject{{"value", std::move(rows)}});
}

Result<http::Reply> OwnInterface::contents(const provider::Call& call) {
  const auto asked = call.query.find("id");
  if (asked == call.query.end()) return fail(arm::missing_parameter("id"));
  const auto id = TRY(resource_of(call, asked->second, "read"));
  const auto row = TRY(parts_.model.get(id));
  JsonArray disks;
  if (const Json* content = find_path(row.internal, "content")) disks.push_back(*content);
  if (const Json* contents = find_path(row.internal, "contents")) {
    for (const Json& content : contents->get_array()) disks.push_back(content);
  }
  JsonObject body{{"id", row.id.text()}, {"provisioningState", row.provisioning}};
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
  JsonArray regions;
  if (const Json* states = find_path(row.internal, "regions")) {
    for (const auto& state : states->get_object()) {
      JsonObject region{{"name", state.key()}};
      for (const auto& member : state.value().get_object()) region[member.key()] = member.value();
      regions.push_back(std::move(region));
    }
  }
  body["regions"] = std::move(regions);
  return json_reply(200, body);
}

Result<http::Reply> OwnInterface::make_link(const provider::Call& call) {
  const auto id = TRY(resource_of(call, string_at(call.body, "id"), "beginGetAccess/action"));
  const Json* lun = TRY(lun_of(call));
  const auto opened = TRY(blobs_.open_resource(id, string_at(call.body, "region"),
                                               lun == nullptr ? Json(nullptr) : *lun));
  const std::string grant = parts_.model.random().uuid();
  const auto expires = parts_.model.clock().now() + std::chrono::seconds(link_seconds);
  TRY(parts_.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    // Links that are over leave their rows behind; the next one clears them.
    for (const auto& [fact, value] : TRY(change.facts("grant/"))) {
      const auto until = parse_iso8601(string_at(value, "expires"));
      if (!until || *until <= change.now()) TRY(change.erase_fact(fact));
    }
    auto row = TRY(change.get(id));
    if (iequals(id.types.front(), "disks") || iequals(id.types.front(), "snapshots")) {
      // So that revoking the access to the disk ends this link as well.
      Json grants = find_path(row.internal, "grants") != nullptr
                        ? *find_path(row.internal, "grants")
                        : Json(JsonArray());
      grants.get_array().emplace_back(grant);
      set_path(row.internal, "grants", grants);
      TRY(change.put(row));
    }
    return change.put_fact("grant/" + grant,
                           JsonObject{{"resource", id.text()},
                                      {"of", provider::identity_of(row)},
                                      {"access", "Read"},
                                      {"region", opened.region},
                                      {"lun", lun == nullptr ? Json(nullptr) : *lun},
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

Result<http::Reply> OwnInterface::make_export(const provider::Call& call) {
  const auto id = TRY(resource_of(call, string_at(call.body, "id"), "beginGetAccess/action"));
  const Json* lun = TRY(lun_of(call));
  const auto opened = TRY(blobs_.open_resource(id, string_at(call.body, "region"),
                                               lun == nullptr ? Json(nullptr) : *lun));
  // The name is what lets a client in: 128 random bits, never used twice.
  const std::string name = parts_.model.random().hex(16);
  {
    const std::lock_guard lock(mutex_);
    if (exports_.size() >= exports_max) {
      return fail(
          arm::error(Kind::quota, "OperationNotAllowed",
                     fmt::format("There are {} NBD exports already. Delete some.", exports_max)));
    }
    exports_[name] = id;
  }
  const auto kept = parts_.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    const auto row = TRY(change.get(id));
    return change.put_fact(export_fact(name),
                           JsonObject{{"resource", id.text()},
                                      {"of", provider::identity_of(row)},
                                      {"region", opened.region},
                                      {"lun", lun == nullptr ? Json(nullptr) : *lun}});
  });
  if (!kept) {
    const std::lock_guard lock(mutex_);
    exports_.erase(name);
    return fail(kept.error());
  }
  parts_.nbd.add(name, {.disk = opened.disk, .description = id.text()});
  return json_reply(201,
                    JsonObject{{"name", name},
                               {"uri", fmt::format("nbd://{}:{}/{}",
                                                   parts_.nbd_host.empty() ? host_of(call.base_url)
                                                                           : parts_.nbd_host,
                                                   parts_.nbd.port(), name)},
                               {"region", opened.region},
                               {"imageDigest", opened.image},
                               {"sizeBytes", opened.disk->size_bytes()}});
}

Result<http::Reply> OwnInterface::use_export(const provider::Call& call, const std::string& name) {
  arm::ResourceId id;
  {
    const std::lock_guard lock(mutex_);
    const auto found = exports_.find(name);
    if (found == exports_.end()) {
      return fail(arm::error(Kind::not_found, "NotFound", "There is no such export."));
    }
    id = found->second;
  }
  TRY(resource_of(call, id.text(), "beginGetAccess/action"));
  if (call.method == "GET") {
    return json_reply(
        200,
        JsonObject{{"name", name}, {"id", id.text()}, {"bytesRead", parts_.nbd.bytes_read(name)}});
  }
  if (call.method != "DELETE") {
    return fail(
        arm::error(Kind::invalid, "HttpMethodNotSupported", "An export has GET and DELETE."));
  }
  TRY(parts_.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    return change.erase_fact(export_fact(name));
  }));
  parts_.nbd.revoke(name);
  const std::lock_guard lock(mutex_);
  exports_.erase(name);
  return http::Reply{.status = 204};
}

}  // namespace pinaco::front
