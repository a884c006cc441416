// A version's contents reach its target regions: each region copies the packs that it lacks, and
// its state, percent and details are written as it goes.
#include <fmt/format.h>

#include "base/log.h"
#include "os/lanes.h"
#include "work/tasks.h"

namespace pinaco::work {
namespace {

struct Target {
  std::string region;        // "westeurope"
  std::string display_name;  // as the version's row writes it
  store::CopyOptions copy;
};

std::vector<Target> targets_of(const model::Resource& version) {
  std::vector<Target> targets;
  const Json* regions = find_path(version.properties, "publishingProfile.targetRegions");
  if (regions == nullptr) return targets;
  const bool shallow =
      string_at(version.properties, "publishingProfile.replicationMode") == "Shallow";
  std::size_t at = 0;
  for (const auto& state : find_path(version.internal, "regions")->get_object()) {
    Target target{.region = std::string(state.key()), .display_name = {}, .copy = {}};
    if (at >= regions->get_array().size()) break;
    const Json& wanted = regions->get_array()[at++];
    target.display_name = string_at(wanted, "name");
    const auto type = string_at(wanted, "storageAccountType");
    target.copy.redundancy =
        type == "Standard_ZRS" ? store::Redundancy::zone : store::Redundancy::local;
    target.copy.premium = type.starts_with("Premium");
    target.copy.replicas = static_cast<std::size_t>(int_at(wanted, "regionalReplicaCount", 1));
    // A shallow version is what its home has already.
    if (shallow && target.region != version.location) continue;
    if (shallow) target.copy = {};
    targets.push_back(std::move(target));
  }
  return targets;
}

class Replication {
 public:
  Replication(Bench& bench, const model::Operation& operation, const model::Resource& version)
      : bench_(bench), operation_(operation), version_(version) {}

  Result<std::shared_ptr<store::Region>> region_of(std::string_view name) const {
    auto region = bench_.depot.find_region(name);
    if (region != nullptr) return region;
    return fail(Kind::invalid, fmt::format("This server has no region '{}'.", name));
  }

  // What is to be written of a region that has all, before the pins go.
  struct Arrived {
    JsonObject state;
    std::vector<store::Pin> pins;
  };

  // One region: all contents of the version.
  Result<Arrived> run(const Target& target) {
    const auto here = TRY(region_of(target.region));
    const Json* before = find_path(version_.internal, "regions." + target.region);
    std::uint64_t moved =
        before == nullptr ? 0 : static_cast<std::uint64_t>(int_at(*before, "movedBytes"));
    std::uint64_t stored =
        before == nullptr ? 0 : static_cast<std::uint64_t>(int_at(*before, "storedBytes"));
    store::Copied sum;
    sum.copies = ~std::size_t{0};
    sum.zones = ~std::size_t{0};
    Arrived arrived;
    const auto& contents = find_path(version_.internal, "contents")->get_array();
    // A region that has the image stays usable while it gets further copies.
    const bool complete = before != nullptr && string_at(*before, "state") == "Completed";
    SteadyTime written = bench_.model.clock().steady();
    for (std::size_t i = 0; i < contents.size(); i++) {
      const auto manifest = TRY(Digest::parse(string_at(contents[i], "manifest")));
      auto options = target.copy;
      std::mutex mutex;
      options.progress = [&](std::uint64_t done, std::uint64_t total) {
        if (bench_.ending) return false;
        if (complete) return true;
        const std::lock_guard lock(mutex);
        const auto now = bench_.model.clock().steady();
        if (now - written < bench_.options.progress_every) return true;
        written = now;
        const std::uint64_t part = total == 0 ? 0 : done * 100 / total;
        const auto percent = (i * 100 + part) / contents.size();
        const auto wrote = write_state(target, {{"state", "Replicating"},
                                                {"progress", std::min<std::uint64_t>(percent, 99)},
                                                {"details", ""}});
        if (!wrote) LOG(warning, "work", "progress was not written: {}", wrote.error().message);
        return true;
      };
      const auto kept = string_at(contents[i], "home");
      const auto home = TRY(region_of(kept.empty() ? std::string_view(version_.location) : kept));
      auto copied = TRY(here->copy_from(*home, manifest, options));
      sum.total_bytes += copied.total_bytes;
      moved += copied.moved_bytes;
      stored += copied.stored_bytes;
      sum.copies = std::min(sum.copies, copied.copies);
      sum.zones = std::min(sum.zones, copied.zones);
      arrived.pins.push_back(std::move(copied.pin));
    }
    std::string details;
    if (sum.copies < target.copy.replicas) {
      details =
          fmt::format("{} replicas share {} distinct cop{} in {} zone(s).", target.copy.replicas,
                      sum.copies, sum.copies == 1 ? "y" : "ies", sum.zones);
    }
    arrived.state = {{"state", "Completed"},
                     {"progress", 100},
                     {"details", details},
                     {"totalBytes", sum.total_bytes},
                     {"movedBytes", moved},
                     {"storedBytes", stored},
                     {"replicas", target.copy.replicas},
                     {"copies", sum.copies},
                     {"zones", sum.zones}};
    return arrived;
  }

  // A region that had the image whole still has it.
  Result<> write_failure(const Target& target, const Error& error) {
    const Json* before = find_path(version_.internal, "regions." + target.region);
    JsonObject state{{"state", "Failed"}, {"progress", 0}};
    if (before != nullptr && string_at(*before, "state") == "Completed") {
      state = before->get_object();
    }
    state["details"] = told(bench_, error.message);
    return write_state(target, std::move(state));
  }

  Result<> write_state(const Target& target, JsonObject state) {
    return bench_.model.change(version_.id.subscription, [&](model::Change& change) -> Result<> {
      auto row = TRY(change.find(version_.id));
      // The version or this region may be gone by now; then there is nothing to say. Nor of another
      // version that has its name.
      if (!row || row->operation != operation_.id ||
          find_path(row->internal, "regions." + target.region) == nullptr) {
        return {};
      }
      set_path(row->internal, "regions." + target.region, std::move(state));
      return change.put(*row);
    });
  }

 private:
  Bench& bench_;
  const model::Operation& operation_;
  const model::Resource& version_;
};

// `last`: the state of a region that is not written yet.
using LastState = std::optional<std::pair<std::string, JsonObject>>;
Result<> end(Bench& bench, const model::Operation& operation,
             const std::vector<std::string>& failed, const Error& first, const LastState& last) {
  return bench.model.change(
      operation.resource.subscription, [&](model::Change& change) -> Result<> {
        auto row = TRY(change.find(operation.resource));
        // It was deleted meanwhile, and its operation has ended.
        if (!row || row->operation != operation.id) return {};
        const auto path = last ? "regions." + last->first : std::string();
        if (last && find_path(row->internal, path) != nullptr) {
          set_path(row->internal, path, last->second);
        }
        row->operation.clear();
        row->provisioning = failed.empty() ? "Succeeded" : "Failed";
        if (failed.empty()) set_path(row->internal, "created", true);
        TRY(change.put(*row));
        if (failed.empty()) return finish(change, operation);
        auto ended = operation;
        ended.state = model::OperationState::failed;
        ended.end = change.now();
        ended.error_code = "ReplicationJobsNotCompleted";
        ended.error_message = fmt::format(
            "Replication to all the target regions not completed. The replication job has not "
            "completed at region: '{}'. {}",
            fmt::join(failed, "', '"), told(bench, first.message));
        return change.put_operation(ended);
      });
}

}  // namespace

Result<> replicate_version(Bench& bench, const model::Operation& operation) {
  if (string_at(operation.input, "refuse").empty()) {
    TRY(capture_sources(bench, operation.resource));
  }
  const auto version = TRY(bench.model.get(operation.resource));
  if (const auto refused = string_at(operation.input, "refuse"); !refused.empty()) {
    return fail(arm::error(Kind::conflict, "Conflict", std::string(refused)));
  }
  const auto targets = targets_of(version);
  Replication replication(bench, operation, version);
  std::mutex mutex;
  std::vector<std::string> failed;
  Error first;
  LastState last;
  std::vector<store::Pin> pins;
  const auto copy = [&](std::size_t i) -> Result<> {
    auto done = replication.run(targets[i]);
    if (done && targets.size() > 1) {
      return replication.write_state(targets[i], std::move(done->state));
    }
    if (done) {
      // One transaction says that the only region is there and that the version is.
      last.emplace(targets[i].region, std::move(done->state));
      pins = std::move(done->pins);
      return {};
    }
    const Error& error = done.error();
    // What may pass is tried again from the start, which finds what is already there.
    const bool may_pass = error.kind == Kind::unavailable || error.kind == Kind::busy ||
                          error.kind == Kind::cancelled;
    if (may_pass && operation.attempts + 1 < bench.options.attempts_max) return fail(error);
    if (error.kind == Kind::cancelled) return fail(error);
    LOG(warning, "work", "{} was not copied to {}: {}", version.id.text(), targets[i].region,
        error.message);
    TRY(replication.write_failure(targets[i], error));
    const std::lock_guard lock(mutex);
    if (failed.empty()) first = error;
    failed.push_back(targets[i].display_name);
    return {};
  };
  TRY(targets.size() == 1 ? copy(0) : os::for_each(targets.size(), 4, copy));
  return end(bench, operation, failed, first, last);
}

}  // namespace pinaco::work
