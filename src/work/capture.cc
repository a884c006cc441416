// What is made from a disk that a machine writes to, or from a blob: it is stored as it is at that
// moment, and the row that wanted it names what came of it.
#include <fmt/format.h>

#include "work/guests.h"

namespace pinaco::work {
namespace {

Result<Captured> capture_one(Bench& bench, const Json& content, const std::string& region) {
  if (const Json* blob = find_path(content, "blob")) return import_blob(bench, *blob, region);
  if (bench.host == nullptr) {
    return fail(Kind::invalid, "No machines run on this server: their disks cannot be captured.");
  }
  const auto disk = TRY(arm::ResourceId::parse(string_at(content, "disk")));
  return capture_disk(bench, disk);
}

// Stores each content of the row that names a disk or a blob; the pins hold them until the row is
// written.
Result<std::vector<store::Pin>> capture_into(Bench& bench, Json& internal,
                                             const std::string& region) {
  std::vector<store::Pin> pins;
  const auto capture = [&](Json& content) -> Result<> {
    if (string_at(content, "disk").empty() && find_path(content, "blob") == nullptr) return {};
    auto captured = TRY(capture_one(bench, content, region));
    for (const char* member : {"role", "lun"}) {
      if (const Json* value = find_path(content, member)) {
        set_path(captured.content, member, *value);
      }
    }
    content = std::move(captured.content);
    pins.push_back(std::move(captured.pin));
    return {};
  };
  if (const Json* one = find_path(internal, "content")) {
    Json content = *one;
    TRY(capture(content));
    set_path(internal, "content", std::move(content));
  }
  if (const Json* several = find_path(internal, "contents")) {
    Json contents = *several;
    for (Json& content : contents.get_array()) TRY(capture(content));
    set_path(internal, "contents", std::move(contents));
  }
  return pins;
}

}  // namespace

Result<> capture_sources(Bench& bench, const arm::ResourceId& id) {
  const auto row = TRY(bench.model.get(id));
  Json internal = row.internal;
  const auto pins = TRY(capture_into(bench, internal, row.location));
  if (pins.empty()) return {};
  return bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto now = TRY(change.get(id));
    // Another one of its name, after this one was deleted.
    if (now.operation != row.operation) {
      return fail(Kind::conflict, fmt::format("'{}' was deleted meanwhile.", id.text()));
    }
    for (const char* member : {"content", "contents"}) {
      if (const Json* value = find_path(internal, member)) set_path(now.internal, member, *value);
    }
    return change.put(now);
  });
}

Result<> capture_contents(Bench& bench, const model::Operation& operation) {
  TRY(capture_sources(bench, operation.resource));
  return bench.model.change(operation.resource.subscription,
                            [&](model::Change& change) -> Result<> {
                              auto row = TRY(change.get(operation.resource));
                              set_path(row.internal, "created", true);
                              row.provisioning = "Succeeded";
                              row.operation.clear();
                              TRY(change.put(row));
                              return finish(change, operation);
                            });
}

}  // namespace pinaco::work
