#include "front/exports.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "front/holder.h"

namespace pinaco::front {
namespace {

constexpr std::size_t exports_max = 256;
constexpr std::size_t exports_of_resource_max = 32;
constexpr Seconds usual = Seconds(24 * 3600);
constexpr Seconds longest = Seconds(7 * 24 * 3600);
constexpr Seconds look_every = Seconds(5);

std::string export_fact(std::string_view name) {
  return fmt::format("export/{}", name);
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

Error no_such_export() {
  return arm::error(Kind::not_found, "NotFound", "There is no such export.");
}

}  // namespace

Exports::~Exports() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Json Exports::to_row(const Record& record) {
  return JsonObject{{"resource", record.id.text()},
                    {"of", record.of},
                    {"region", record.region},
                    {"uri", record.uri},
                    {"lun", record.lun},
                    {"by", record.holder},
                    {"made", to_iso8601(record.made)},
                    {"expires", to_iso8601(record.expires)}};
}

Json Exports::shown(const std::string& name, const Record& record, bool with_name) const {
  JsonObject body{{"id", record.id.text()},
                  {"region", record.region},
                  {"lun", record.lun},
                  {"madeBy", JsonObject{{"objectId", string_at(record.holder, "oid")},
                                        {"name", string_at(record.holder, "name")}}},
                  {"made", to_iso8601(record.made)},
                  {"expires", to_iso8601(record.expires)},
                  {"bytesRead", parts_.nbd.bytes_read(name)}};
  if (with_name) {
    body["name"] = name;
    body["uri"] = record.uri;
  }
  return body;
}

void Exports::offer(const std::string& name, const Record& record, Blobs::Opened opened) {
  {
    const std::lock_guard lock(mutex_);
    exports_[name] = record;
  }
  parts_.nbd.add(
      name,
      {.disk = std::move(opened.disk), .description = record.id.text(), .may_open = [this, name] {
         const auto now = find(name);
         // What cannot be looked at is not served.
         return now && is_live(*now).value_or(false);
       }});
}

Result<> Exports::restore() {
  for (const auto& subscription : TRY(parts_.model.shards())) {
    TRY(parts_.model.change(subscription, [&](model::Change& change) -> Result<> {
      for (const auto& [fact, value] : TRY(change.facts("export/"))) {
        const auto name = fact.substr(fact.rfind('/') + 1);
        const auto id = arm::ResourceId::parse(string_at(value, "resource"));
        const auto row = id ? TRY(change.find(*id)) : std::nullopt;
        const auto expires = parse_iso8601(string_at(value, "expires"));
        if (!row || provider::identity_of(*row) != string_at(value, "of") || !expires ||
            *expires <= change.now()) {
          TRY(change.erase_fact(fact));
          continue;
        }
        const Json* lun = find_path(value, "lun");
        const Json* holder = find_path(value, "by");
        const Record record{.id = *id,
                            .of = std::string(string_at(value, "of")),
                            .region = std::string(string_at(value, "region")),
                            .uri = std::string(string_at(value, "uri")),
                            .lun = lun == nullptr ? Json(nullptr) : *lun,
                            .holder = holder == nullptr ? Json(JsonObject()) : *holder,
                            .made = parse_iso8601(string_at(value, "made")).value_or(change.now()),
                            .expires = *expires};
        auto opened = blobs_.open_resource(*id, record.region, record.lun);
        if (!opened) {
          LOG(warning, "front", "an export of {} is not offered again: {}", id->text(),
              opened.error().message);
          continue;
        }
        offer(name, record, std::move(*opened));
      }
      return {};
    }));
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

Result<http::Reply> Exports::make(const provider::Call& call, const arm::ResourceId& id) {
  const auto duration = TRY(duration_of(call.body, usual, longest));
  const Json* lun = find_path(call.body, "lun");
  Record record{.id = id,
                .lun = lun == nullptr ? Json(nullptr) : *lun,
                .holder = holder_of(call.caller),
                .made = parts_.model.clock().now()};
  record.expires = record.made + duration;
  const auto opened = TRY(blobs_.open_resource(id, string_at(call.body, "region"), record.lun));
  record.region = opened.region;
  // The name is what lets a client in: 128 random bits, never used twice.
  const std::string name = parts_.model.random().hex(16);
  record.uri = fmt::format("nbd://{}:{}/{}",
                           parts_.nbd_host.empty() ? host_of(call.base_url) : parts_.nbd_host,
                           parts_.nbd.port(), name);
  look();
  {
    const std::lock_guard lock(mutex_);
    const auto same =
        std::ranges::count_if(exports_, [&](const auto& each) { return each.second.id == id; });
    if (exports_.size() >= exports_max ||
        static_cast<std::size_t>(same) >= exports_of_resource_max) {
      return fail(
          arm::error(Kind::quota, "OperationNotAllowed",
                     fmt::format("There are {} NBD exports already, {} of this resource; "
                                 "there can be {} and {}. Delete some.",
                                 exports_.size(), same, exports_max, exports_of_resource_max)));
    }
    exports_[name] = record;  // holds its place; without a row nothing is served under it yet
  }
  const auto kept = parts_.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    record.of = provider::identity_of(TRY(change.get(id)));
    return change.put_fact(export_fact(name), to_row(record));
  });
  if (!kept) {
    const std::lock_guard lock(mutex_);
    exports_.erase(name);
    return fail(kept.error());
  }
  const auto digest = opened.image;
  const auto size = opened.disk->size_bytes();
  offer(name, record, opened);
  auto body = shown(name, record, true);
  set_path(body, "imageDigest", digest);
  set_path(body, "sizeBytes", size);
  return json_reply(201, body);
}

std::optional<Exports::Record> Exports::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = exports_.find(name);
  if (found == exports_.end()) return std::nullopt;
  return found->second;
}

Result<arm::ResourceId> Exports::resource_of(const std::string& name) {
  auto found = find(name);
  if (found && !TRY(is_live(*found))) {
    TRY(end(name));
    found.reset();
  }
  if (!found) return fail(no_such_export());
  return found->id;
}

Result<http::Reply> Exports::list(const provider::Call& call) {
  look();
  std::map<std::string, Record> all;
  {
    const std::lock_guard lock(mutex_);
    all = exports_;
  }
  JsonArray rows;
  for (const auto& [name, record] : all) {
    if (!TRY(call.may_read(record.id))) continue;
    rows.push_back(
        shown(name, record,
              TRY(parts_.access.allows(call.caller, bytes_right(record.id), record.id.text()))));
  }
  return json_reply(200, JsonObject{{"value", std::move(rows)}});
}

Result<http::Reply> Exports::show(const std::string& name) {
  const auto found = find(name);
  if (!found) return fail(no_such_export());
  return json_reply(200, shown(name, *found, true));
}

// Who renews it answers for it from then on.
Result<http::Reply> Exports::renew(const provider::Call& call, const std::string& name) {
  const auto duration = TRY(duration_of(call.body, usual, longest));
  auto record = find(name);
  if (!record) return fail(no_such_export());
  record->holder = holder_of(call.caller);
  record->expires = parts_.model.clock().now() + duration;
  TRY(parts_.model.change(record->id.subscription, [&](model::Change& change) -> Result<> {
    if (!TRY(change.find_fact(export_fact(name)))) return fail(no_such_export());
    return change.put_fact(export_fact(name), to_row(*record));
  }));
  {
    const std::lock_guard lock(mutex_);
    const auto found = exports_.find(name);
    if (found == exports_.end()) return fail(no_such_export());
    found->second = *record;
  }
  return json_reply(200, shown(name, *record, true));
}

Result<http::Reply> Exports::end(const std::string& name) {
  const auto record = find(name);
  if (!record) return fail(no_such_export());
  TRY(parts_.model.change(record->id.subscription, [&](model::Change& change) -> Result<> {
    return change.erase_fact(export_fact(name));
  }));
  parts_.nbd.revoke(name);
  const std::lock_guard lock(mutex_);
  exports_.erase(name);
  return http::Reply{.status = 204};
}

Result<bool> Exports::is_live(const Record& record) const {
  if (record.of.empty()) return true;  // being made
  if (record.expires <= parts_.model.clock().now()) return false;
  const auto row = TRY(parts_.model.find(record.id));
  if (!row || provider::identity_of(*row) != record.of) return false;
  return still_may(parts_, record.holder, record.id);
}

void Exports::look() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, record] : exports_) names.push_back(name);
  }
  for (const auto& name : names) {
    const auto record = find(name);
    if (!record) continue;
    const auto live = is_live(*record);
    if (!live) {
      LOG(warning, "front", "an export of {} could not be looked at: {}", record->id.text(),
          live.error().message);
      continue;
    }
    if (*live) continue;
    LOG(info, "front", "an export of {} ends", record->id.text());
    if (const auto ended = end(name); !ended && ended.error().kind != Kind::not_found) {
      LOG(warning, "front", "an export of {} did not end: {}", record->id.text(),
          ended.error().message);
    }
  }
}

void Exports::look_soon() {
  {
    const std::lock_guard lock(mutex_);
    look_wanted_ = true;
  }
  changed_.notify_all();
}

void Exports::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    changed_.wait_for(lock, look_every, [&] { return ending_ || look_wanted_; });
    if (ending_) return;
    look_wanted_ = false;
    lock.unlock();
    look();
    lock.lock();
  }
}

}  // namespace pinaco::front
