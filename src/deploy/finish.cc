// How a run ends: outputs, what mode Complete takes away, and what the record says then.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "deploy/engine.h"
#include "deploy/paths.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

constexpr std::size_t outputs_bytes_max = 4 << 20;
constexpr int removals_max = 300;  // rounds of a second

Json plain_error(std::string_view code, std::string message, std::string_view target) {
  return JsonObject{{"code", code}, {"message", std::move(message)}, {"target", target}};
}

}  // namespace

// What stands in the way of every end: enough of it to see what went wrong.
Error Engine::failure_of(const Run& run) const {
  Error error = arm::error(
      Kind::conflict, "DeploymentFailed",
      "At least one resource deployment operation failed. Please list deployment operations for "
      "details. Please see https://aka.ms/arm-deployment-operations for usage details.",
      run.record.id());
  for (const auto& step : run.steps) {
    if (step.progress != Progress::failed) continue;
    auto detail = error_from(step.error);
    // A place in the template stands in the message already.
    const bool of_template = detail.code == "InvalidTemplate";
    if (detail.target.empty() || of_template) detail.target = step.id;
    error.details.push_back(std::move(detail));
  }
  return error;
}

bool Engine::must_stop(const Run& run) const {
  const std::lock_guard lock(mutex_);
  return ending_ || run.cancel;
}

void Engine::finish(Run& run) {
  State state = State::succeeded;
  Json outputs = nullptr;
  Json error = nullptr;
  bool failed = false;
  bool cancelled = false;
  {
    const std::lock_guard lock(mutex_);
    cancelled = run.cancel;
    for (const auto& step : run.steps) failed = failed || step.progress == Progress::failed;
    if (failed) error = error_json(failure_of(run));
  }
  if (cancelled) {
    state = State::canceled;
    error = plain_error("DeploymentCanceled", "The deployment was cancelled.", run.record.id());
  } else if (failed) {
    state = State::failed;
  } else {
    Reader reader(dispatch_, run.record.caller, run.record.base_url,
                  run.plan->surroundings().subscription);
    auto made = [&] {
      const std::lock_guard lock(run.evaluating);
      return run.plan->outputs(&reader);
    }();
    if (made && to_text(*made).size() > outputs_bytes_max) {
      made = fail(Kind::invalid,
                  fmt::format("The outputs are larger than {} KiB.", outputs_bytes_max >> 10));
    }
    auto done = made ? Result<>() : Result<>(fail(made.error()));
    if (done && run.record.complete) done = remove_others(run);
    if (ending_) {
      const std::lock_guard lock(mutex_);
      run.over = true;  // the next start goes on
      return;
    }
    if (must_stop(run)) {
      state = State::canceled;
      error = plain_error("DeploymentCanceled", "The deployment was cancelled.", run.record.id());
    } else if (done) {
      outputs = std::move(*made);
    } else {
      state = State::failed;
      Error why = arm::error(
          Kind::conflict, made ? "DeploymentFailed" : "DeploymentOutputEvaluationFailed",
          made ? std::string("What the template does not name could not be deleted.")
               : fmt::format("Unable to evaluate template outputs: '{}'. Please see error details "
                             "and deployment operations. Please see "
                             "https://aka.ms/arm-common-errors for usage details.",
                             cut_text(made.error().message, 1000)),
          run.record.id());
      why.details.push_back(done.error());
      error = error_json(why);
    }
  }
  auto ended = end(run, state, std::move(outputs), std::move(error));
  if (!ended && (ended.error().kind == Kind::invalid || ended.error().kind == Kind::quota)) {
    // It is too large to be kept, and would be at each try.
    ended = end(
        run, State::failed, nullptr,
        plain_error("DeploymentOutputEvaluationFailed", ended.error().message, run.record.id()));
  }
  if (!ended) {
    LOG(error, "deploy", "the end of {} is not kept: {}", run.record.id(), ended.error().message);
  }
  {
    const std::lock_guard lock(mutex_);
    if (ended) {
      run.over = true;
    } else {
      run.finishing = false;  // once more in a while: a full disk may have room by then
      run.rests_until = model_.clock().steady() + options_.retry_after;
    }
    moved_ = true;
  }
  changed_.notify_all();
}

Result<> Engine::end(Run& run, State state, Json outputs, Json error) {
  std::vector<Step> steps;
  {
    const std::lock_guard lock(mutex_);
    steps = run.steps;
  }
  return model_.change(run.place.shard, [&](model::Change& change) -> Result<> {
    TRY(change.erase_fact(pending_fact(run.record.run)));
    auto record = TRY(find_record(change, run.place, run.record.name));
    if (!record || record->run != run.record.run) return {};
    record->state = state;
    record->outputs = outputs;
    record->error = error;
    TRY(erase_given(change, run.place, record->name));  // secrets go when nobody needs them
    record->end = change.now();
    JsonArray resources;
    for (const auto& step : steps) {
      if (step.progress == Progress::done && !step.existing) {
        resources.push_back(JsonObject{{"id", step.id}});
      }
    }
    record->output_resources = std::move(resources);
    TRY(put_steps(change, run.place, record->name, steps));
    return put_record(change, run.place, *record);
  });
}

namespace {

// The ids of what a deployment has made, and those in it.
Result<> name_made(const model::Model& model, const std::string& tenant,
                   const std::vector<Step>& steps, int depth, std::set<std::string>& named) {
  for (const auto& step : steps) {
    if (step.progress != Progress::done) continue;
    named.insert(to_lower(step.id));
    if (!iequals(step.type, "Microsoft.Resources/deployments") || depth >= nesting_max) continue;
    std::vector<Step> inner;
    const auto [place, name] = place_of_id(tenant, step.id);
    TRY(model.read(place.shard, [&](const model::View& view) -> Result<> {
      inner = TRY(find_steps(view, place, name));
      return {};
    }));
    TRY(name_made(model, tenant, inner, depth + 1, named));
  }
  return {};
}

}  // namespace

// A child of what is named was not asked about, and goes with a parent that goes; what a machine
// holds goes or stays with it.
Result<std::vector<arm::ResourceId>> others_in(const model::View& view,
                                               const arm::ResourceId& group,
                                               const std::set<std::string>& named) {
  std::vector<arm::ResourceId> left;
  const auto rows = TRY(view.list_group(group.group));
  const auto stays = [&](arm::ResourceId id) {
    bool kept = named.contains(id.key());
    while (id.types.size() > 1) {
      id = id.parent();
      kept = kept || named.contains(id.key());
    }
    return kept;
  };
  std::set<std::string> going;
  for (const auto& row : rows) {
    if (!stays(row.id)) going.insert(row.id.key());
  }
  for (const auto& row : rows) {
    const auto holder = to_lower(string_at(row.internal, "machine.id"));
    if (!going.contains(row.id.key())) continue;
    if (!holder.empty() && !going.contains(holder)) continue;
    left.push_back(row.id);
  }
  std::ranges::stable_sort(
      left, [](const auto& a, const auto& b) { return a.types.size() > b.types.size(); });
  return left;
}

// Mode Complete: what is in the group and not in the template goes. What others still need goes
// after them, so a refusal is no error while anything moves.
Result<> Engine::remove_others(Run& run) {
  const auto group = TRY(arm::ResourceId::parse(run.record.scope));
  std::set<std::string> named;
  TRY(name_made(model_, run.record.tenant, run.steps, 0, named));
  std::optional<Error> refused;
  for (int round = 0; round < removals_max; ++round) {
    std::vector<arm::ResourceId> left;
    TRY(model_.read(group.subscription, [&](const model::View& view) -> Result<> {
      left = TRY(others_in(view, group, named));
      return {};
    }));
    if (left.empty()) return {};
    refused.reset();
    for (const auto& id : left) {
      const auto* type = provider::find_type(id.provider, id.type());
      if (type == nullptr) continue;
      const auto outcome =
          dispatch_(request_of(run, "DELETE", id.text(), type->api_versions.back()));
      if (!outcome) refused = outcome.error();
      if (refused && (refused->kind == Kind::denied || refused->code == "ScopeLocked")) {
        return fail(*refused);
      }
    }
    for (int wait = 0; wait < 10; ++wait) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, options_.look_every, [&] { return ending_ || run.cancel; });
      if (ending_ || run.cancel) return fail(Kind::cancelled, "The deployment was stopped.");
    }
  }
  if (refused) return fail(*refused);
  return fail(Kind::conflict, "What the template does not name is still being deleted.");
}

}  // namespace pinaco::deploy
