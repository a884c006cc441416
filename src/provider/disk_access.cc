// beginGetAccess and endGetAccess of disks and snapshots.
#include "provider/disk_access.h"

#include <fmt/format.h>

#include "base/text.h"
#include "provider/disks.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t grants_max = 16;
constexpr std::int64_t grant_seconds_max = 60 * 24 * 3600;

// ----------------------------------------------------------------------------------

Result<> revoke_grants(model::Change& change, model::Resource& disk) {
  if (const Json* grants = find_path(disk.internal, "grants")) {
    for (const Json& grant : grants->get_array()) {
      TRY(change.erase_fact(grant_fact(std::string(grant.get_string()))));
    }
  }
  erase_path(disk.internal, "grants");
  return {};
}

// The grants that still let somebody in; those that are over are forgotten.
Result<JsonArray> live_grants(model::Change& change, const model::Resource& disk) {
  JsonArray live;
  const Json* grants = find_path(disk.internal, "grants");
  if (grants == nullptr) return live;
  for (const Json& grant : grants->get_array()) {
    const auto name = grant_fact(std::string(grant.get_string()));
    const auto fact = TRY(change.find_fact(name));
    if (!fact) continue;
    const auto expires = parse_iso8601(string_at(*fact, "expires"));
    if (expires && *expires > change.now()) {
      live.push_back(grant);
    } else {
      TRY(change.erase_fact(name));
    }
  }
  return live;
}

Result<std::string> check_access(const model::Resource& disk, std::string_view access) {
  if (find_path(disk.internal, "overlays") != nullptr) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("Access to disk '{}' cannot be granted while its machine {} has it open. "
                    "Deallocate the machine, or take a snapshot of the disk and use that.",
                    disk.id.name(), string_at(disk.internal, "machine.id"))));
  }
  const auto state = string_at(disk.properties, "diskState");
  const bool upload = state == "ReadyToUpload" || state == "ActiveUpload";
  if (iequals(access, "Write") && upload) return std::string("Write");
  if (iequals(access, "Read") && !upload) return std::string("Read");
  if (iequals(access, "Write") || iequals(access, "Read")) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("{} access to disk '{}' cannot be granted in its state '{}': write access is "
                    "for disks made with createOption Upload, read access for all others.",
                    access, disk.id.name(), state)));
  }
  return fail(arm::invalid_parameter(
      "grantAccessData.access",
      fmt::format("The value '{}' of parameter grantAccessData.access is not one of Read, Write.",
                  access.substr(0, 50))));
}

}  // namespace

std::string identity_of(const model::Resource& resource) {
  const auto unique = string_at(resource.properties, "uniqueId");
  return unique.empty() ? to_iso8601(resource.created) : std::string(unique);
}

std::string grant_fact(std::string_view grant) {
  return fmt::format("grant/{}", grant);
}

Result<> check_no_links(const model::View& view, const model::Resource& disk, WallTime now) {
  const Json* grants = find_path(disk.internal, "grants");
  if (grants == nullptr) return {};
  for (const Json& grant : grants->get_array()) {
    const auto fact = TRY(view.find_fact(grant_fact(std::string(grant.get_string()))));
    const auto expires = fact ? parse_iso8601(string_at(*fact, "expires")) : std::nullopt;
    if (!expires || *expires <= now) continue;
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("Disk {} cannot be deleted since there is an active shared access signature "
                    "outstanding for disk {}. Revoke it first (az disk revoke-access).",
                    disk.id.name(), disk.id.name())));
  }
  return {};
}

Result<> remove_disk(const Call&, model::Change& change, const model::Resource& disk) {
  const auto owner = string_at(disk.internal, "machine.id");
  if (!owner.empty()) {
    return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                           fmt::format("Disk {} is attached to VM {}.", disk.id.name(), owner)));
  }
  TRY(check_no_links(change, disk, change.now()));
  auto ended = disk;
  return revoke_grants(change, ended);
}

Result<Outcome> begin_access(const Call& call) {
  const auto access = string_at(call.body, "access");
  const auto seconds = int_at(call.body, "durationInSeconds", 3600);
  if (seconds < 1 || seconds > grant_seconds_max) {
    return fail(
        arm::out_of_range("grantAccessData.durationInSeconds", seconds, 1, grant_seconds_max));
  }
  Outcome outcome{.status = 202, .location_header = true};
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    TRY(access::check_locks(change, call.id.text(), false));
    auto disk = TRY(change.get(call.id));
    if (!disk.operation.empty()) {
      return fail(arm::error(
          Kind::conflict, "Conflict",
          fmt::format("Disk '{}' is being imported. Wait until that has ended.", disk.id.name())));
    }
    const auto granted = TRY(check_access(disk, access));
    const std::string grant = change.random().uuid();
    Json grants = TRY(live_grants(change, disk));
    // Who asks again and again, say after each break of an upload, needs the newest ones.
    while (grants.get_array().size() >= grants_max) {
      TRY(change.erase_fact(grant_fact(std::string(grants.get_array().front().get_string()))));
      grants.get_array().erase(grants.get_array().begin());
    }
    grants.get_array().emplace_back(grant);
    set_path(disk.internal, "grants", grants);
    set_path(disk.properties, "diskState", granted == "Write" ? "ActiveUpload" : "ActiveSAS");
    TRY(change.put_fact(
        grant_fact(grant),
        JsonObject{{"resource", disk.id.text()},
                   {"of", identity_of(disk)},
                   {"access", granted},
                   {"expires", to_iso8601(change.now() + std::chrono::seconds(seconds))}}));
    TRY(change.put(disk));
    outcome.operation = TRY(change.start(model::Operation{.resource = disk.id,
                                                          .surface = "DiskOperations",
                                                          .location = disk.location,
                                                          .state = model::OperationState::succeeded,
                                                          .output = JsonObject{{"grant", grant}}}));
    return {};
  }));
  return outcome;
}

// Ends every grant at once. For an upload the bytes are then checked and stored.
Result<Outcome> end_access(const Call& call) {
  Outcome outcome{.status = 202, .location_header = true};
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    TRY(access::check_locks(change, call.id.text(), false));
    auto disk = TRY(change.get(call.id));
    if (!disk.operation.empty()) {
      // The import that an earlier call started, say before its answer was lost.
      outcome.operation = TRY(change.find_operation(disk.operation));
      if (outcome.operation) return {};
    }
    const bool upload = string_at(disk.properties, "diskState") == "ActiveUpload";
    TRY(revoke_grants(change, disk));
    if (string_at(disk.properties, "diskState") == "ActiveSAS") {
      const bool held = !string_at(disk.internal, "machine.id").empty();
      set_path(disk.properties, "diskState", held ? "Reserved" : "Unattached");
    }
    outcome.operation = TRY(change.start(model::Operation{
        .resource = disk.id,
        .task = upload ? "import_upload" : "",
        .surface = "DiskOperations",
        .location = disk.location,
        .state = upload ? model::OperationState::in_progress : model::OperationState::succeeded}));
    if (upload) {
      disk.operation = outcome.operation->id;
      disk.provisioning = "Updating";
    }
    return change.put(disk);
  }));
  return outcome;
}

}  // namespace pinaco::provider
