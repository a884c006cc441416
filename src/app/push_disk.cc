// The life of the upload disk, each step repeatable.
#include "app/push_disk.h"

#include <fmt/format.h>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::uint64_t footer_bytes = 512;
constexpr int grant_seconds = 86'400;

// Waits until nothing works on the disk; null when it is not there.
Result<Json> settled_disk(Connection& connection, const arm::ResourceId& id) {
  Pauses pauses(connection.patience());
  while (true) {
    auto disk = TRY(connection.find(path_of(id)));
    if (!disk) return Json(nullptr);
    const auto state = string_at(*disk, "properties.provisioningState");
    if (state != "Creating" && state != "Updating" && state != "Deleting") return *disk;
    TRY(pauses.wait("1"));
  }
}

Error in_the_way(const UploadDisk& disk, std::string_view what) {
  return {.kind = Kind::conflict,
          .message = fmt::format("The disk {} that this push would fill exists, but {}. If nobody "
                                 "needs it, delete it with `{}` and push again.",
                                 disk.id.name(), what, how_to_delete(disk.id))};
}

}  // namespace

std::string how_to_delete(const arm::ResourceId& id) {
  return fmt::format("pinaco delete {} --yes", id.text());
}

Result<DiskFound> prepare_disk(Connection& connection, const UploadDisk& disk) {
  const auto found = TRY(settled_disk(connection, disk.id));
  if (found.is_null()) {
    const Json body = JsonObject{
        {"location", disk.location},
        {"sku", JsonObject{{"name", "Standard_LRS"}}},
        {"properties", JsonObject{{"osType", disk.os_type},
                                  {"hyperVGeneration", disk.generation},
                                  {"creationData", JsonObject{{"createOption", "Upload"},
                                                              {"uploadSizeBytes",
                                                               disk.size_bytes + footer_bytes}}}}}};
    TRY(connection.run("PUT", path_of(disk.id), &body));
    return DiskFound::made;
  }
  const auto location = arm::normalize_location(string_at(found, "location"));
  const auto size = int_at(found, "properties.creationData.uploadSizeBytes");
  const auto state = string_at(found, "properties.diskState");
  if (!iequals(string_at(found, "properties.creationData.createOption"), "Upload")) {
    return std::unexpected(in_the_way(disk, "it was not made by an upload"));
  }
  if (size != static_cast<std::int64_t>(disk.size_bytes + footer_bytes)) {
    return std::unexpected(
        in_the_way(disk, fmt::format("it was made for an upload of {} bytes and this one has {}",
                                     size, disk.size_bytes + footer_bytes)));
  }
  if (location != disk.location) {
    return std::unexpected(
        in_the_way(disk, fmt::format("it is in {}, not {}", location, disk.location)));
  }
  if (state == "ReadyToUpload" || state == "ActiveUpload") return DiskFound::resumed;
  if (state == "Unattached") return DiskFound::imported;
  return std::unexpected(in_the_way(disk, fmt::format("its state is {}", state)));
}

Result<std::shared_ptr<PageBlob>> open_for_writing(Connection& connection, const UploadDisk& disk) {
  const Json body = JsonObject{{"access", "Write"}, {"durationInSeconds", grant_seconds}};
  const auto granted = TRY(connection.run(
      "POST", fmt::format("{}/beginGetAccess?api-version={}", disk.id.text(), disks_api), &body));
  std::string link(string_at(granted, "accessSAS"));
  if (link.empty()) link = string_at(granted, "properties.output.accessSAS");
  if (link.find('?') == std::string::npos) {
    return fail(Kind::unavailable,
                fmt::format("The server gave no link to write the disk {}.", disk.id.name()));
  }
  return std::make_shared<PageBlob>(std::move(link), connection.link_options(),
                                    connection.patience());
}

Result<> import_disk(Connection& connection, const UploadDisk& disk, const OnPoll& on_poll) {
  const auto path = fmt::format("{}/endGetAccess?api-version={}", disk.id.text(), disks_api);
  auto reply = connection.send("POST", path);
  if (reply) {
    TRY(connection.finish(*reply, true, on_poll));
    return {};
  }
  if (reply.error().kind == Kind::cancelled || reply.error().kind == Kind::unavailable) {
    return std::unexpected(std::move(reply.error()));
  }
  // An attempt whose answer was lost may have begun the import.
  const auto found = TRY(settled_disk(connection, disk.id));
  if (string_at(found, "properties.diskState") == "Unattached") return {};
  return std::unexpected(std::move(reply.error()));
}

Result<Json> get_contents(Connection& connection, const arm::ResourceId& id) {
  return connection.get("/pinaco/v1/contents?id=" + percent_encode(id.text()));
}

Result<> remove_disk(Connection& connection, const arm::ResourceId& id) {
  auto removed = connection.remove(path_of(id));
  if (removed || removed.error().kind != Kind::conflict) return removed;
  // A disk that is open must be closed first; closing a half-written upload fails, and that is
  // what we want of it.
  (void)connection.run("POST", fmt::format("{}/endGetAccess?api-version={}", id.text(), disks_api));
  return connection.remove(path_of(id));
}

}  // namespace pinaco::app
