// Instances follow their set's model: reimaged one by one, all at once, or in batches with pauses;
// what is refused or fails too often stops a rolling upgrade.
#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "work/scale_sets.h"

namespace pinaco::work {
namespace {

bool is_old(const model::Resource& set, const model::Resource& instance) {
  return !model::has_latest_model(set, instance);
}

bool is_protected(const model::Resource& instance) {
  return bool_at(instance.properties, "protectionPolicy.protectFromScaleSetActions");
}

struct Progress {
  std::int64_t successful = 0;
  std::int64_t failed = 0;
  std::int64_t working = 0;
  std::int64_t pending = 0;
};

// What rollingUpgrades/latest shows.
Result<> note(Bench& bench, const model::Operation& operation, const Progress& progress,
              std::string_view code) {
  return bench.model.change(
      operation.resource.subscription, [&](model::Change& change) -> Result<> {
        auto set = TRY(change.get(operation.resource));
        const Json* policy = find_path(set.properties, "upgradePolicy.rollingUpgradePolicy");
        const auto now = to_iso8601(change.now());
        const bool goes_on = code == "RollingForward";
        Json upgrade = JsonObject{
            {"policy", policy == nullptr ? Json(JsonObject()) : *policy},
            {"runningStatus", JsonObject{{"code", code},
                                         {"startTime", to_iso8601(operation.start)},
                                         {"lastAction", code == "Cancelled" ? "Cancel" : "Start"},
                                         {"lastActionTime", now}}},
            {"progress", JsonObject{{"successfulInstanceCount", progress.successful},
                                    {"failedInstanceCount", progress.failed},
                                    {"inProgressInstanceCount", progress.working},
                                    {"pendingInstanceCount", progress.pending}}}};
        if (goes_on && progress.working == 0) set_path(set.internal, "batchEnded", now);
        if (!goes_on) {
          erase_path(set.internal, "batchEnded");
          erase_path(set.internal, "cancel");
        }
        set_path(set.internal, "upgrade", std::move(upgrade));
        return change.put(set);
      });
}

Result<> roll(Bench& bench, const model::Operation& operation, const model::Resource& set,
              const std::vector<model::Resource>& instances) {
  const std::string policy = "upgradePolicy.rollingUpgradePolicy.";
  // It ended, and what came after it is being done.
  const auto code = string_at(set.internal, "upgrade.runningStatus.code");
  if (string_at(set.internal, "upgrade.runningStatus.startTime") == to_iso8601(operation.start) &&
      (code == "Cancelled" || code == "Completed")) {
    return {};
  }
  Progress progress;
  std::vector<model::Resource> touched;
  std::vector<model::Resource> waiting;
  for (const auto& row : instances) {
    if (row.provisioning == "Deleting" || is_protected(row)) continue;
    if (string_at(row.internal, "deed") == deed_of(operation, "reimage_machine")) {
      touched.push_back(row);
      const bool works = !row.operation.empty();
      const bool failed = row.provisioning == "Failed";
      progress.working += works;
      progress.failed += !works && failed;
      progress.successful += !works && !failed;
    } else if (is_old(set, row)) {
      waiting.push_back(row);
    }
  }
  progress.pending = static_cast<std::int64_t>(waiting.size());
  const auto all = static_cast<std::int64_t>(touched.size() + waiting.size());
  const Deed deed{.task = "reimage_machine", .input = JsonObject{{"onlyOld", true}}};
  if (progress.working > 0) return do_to_each(bench, operation, touched, deed);
  const auto bearable = int_at(set.properties, policy + "maxUnhealthyUpgradedInstancePercent", 20);
  if (progress.failed * 100 > bearable * std::max<std::int64_t>(all, 1)) {
    TRY(note(bench, operation, progress, "Faulted"));
    return fail(
        arm::error(Kind::conflict, "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
                   fmt::format("Rolling Upgrade failed after exceeding the "
                               "MaxUnhealthyUpgradedInstancePercent value ({}%) defined in the "
                               "RollingUpgradePolicy: {} of {} instances failed.",
                               bearable, progress.failed, all)));
  }
  if (bool_at(set.internal, "cancel")) return note(bench, operation, progress, "Cancelled");
  if (waiting.empty()) return note(bench, operation, progress, "Completed");
  if (find_path(set.internal, "batchEnded") == nullptr || touched.empty()) {
    TRY(note(bench, operation, progress, "RollingForward"));
  }
  const auto pause = parse_duration(string_at(set.properties, policy + "pauseTimeBetweenBatches"));
  const auto ended = parse_iso8601(string_at(set.internal, "batchEnded"));
  if (!touched.empty() && pause && pause->count() > 0) {
    if (!ended) return fail(later("The next batch comes after a pause."));
    if (bench.model.clock().now() < *ended + *pause) {
      return fail(later("The next batch comes after a pause."));
    }
  }
  const auto percent = int_at(set.properties, policy + "maxBatchInstancePercent", 20);
  const auto batch = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(instances.size()) * percent / 100, 1, progress.pending);
  waiting.resize(static_cast<std::size_t>(batch));
  progress.working = batch;
  progress.pending -= batch;
  TRY(note(bench, operation, progress, "RollingForward"));
  TRY(bench.model.change(set.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(set.id));
    erase_path(row.internal, "batchEnded");
    return change.put(row);
  }));
  return do_to_each(bench, operation, waiting, deed);
}

}  // namespace

Result<> upgrade_instances(Bench& bench, const model::Operation& operation,
                           const model::Resource& set, bool rolling) {
  auto instances = TRY(read_instances(bench, set));
  // Members that were made elsewhere have no model to follow.
  std::erase_if(instances, [](const auto& row) { return string_at(row.internal, "set").empty(); });
  if (rolling) return roll(bench, operation, set, instances);
  std::erase_if(instances, [&](const auto& row) {
    const bool mine = string_at(row.internal, "deed") == deed_of(operation, "reimage_machine");
    return is_protected(row) || row.provisioning == "Deleting" || (!mine && !is_old(set, row));
  });
  return do_to_each(bench, operation, instances,
                    {.task = "reimage_machine", .input = JsonObject{{"onlyOld", true}}});
}

}  // namespace pinaco::work
