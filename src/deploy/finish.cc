// How a run ends: outputs, what mode Complete takes away, and what the record says then.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "deploy/engine.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

constexpr std::size_t outputs_bytes_max = 512 << 10;
constexpr int removals_max = 300;  // rounds of a second

Json plain_error(std::string_view code, std::string message, std::string_view target) {
  return JsonObject{{"code", code}, {"message", std::move(message)}, {"target", target}};
}

}  // namespace

Error Engine::failure_of(const Run& run) const {
  Error error = arm::error(
      Kind::conflict, "DeploymentFailed",
      "At least one resource deployment operation failed. Please list deployment operations for "
      "details. Please see https://aka.ms/arm-deployment-operations for usage details.",
      run.record.id());
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const auto& step = run.steps[i];
    if (step.progress != Progress::failed) continue;
    auto detail = error_from(step.error);
    // A place in the template stands in the message already.
    const bool of_template = detail.code == "InvalidTemplate";
    if (detail.target.empty() || of_template) detail.target = run.plan->plan()[i].id;
    error.details.push_back(std::move(detail));
  }
  return error;
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
    if (!done && done.error().kind == Kind::cancelled) {
      const std::lock_guard lock(mutex_);
      run.over = true;  // the next start goes on
      return;
    }
    if (done) {
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
  const auto ended = end(run, state, std::move(outputs), std::move(error));
  if (!ended) {
    LOG(error, "deploy", "the end of {} is not kept: {}", run.record.id(), ended.error().message);
  }
  {
    const std::lock_guard lock(mutex_);
    if (ended) {
      run.over = true;
    } else {
      run.finishing = false;  // again at the next look
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
    TRY(change.erase_fact("deploying/" + run.record.run));
    auto record = TRY(find_record(change, run.place, run.record.name));
    if (!record || record->run != run.record.run) return {};
    record->state = state;
    record->outputs = outputs;
    record->error = error;
    record->given = JsonObject();  // secrets go as soon as nobody needs them
    record->end = change.now();
    JsonArray resources;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto& planned = run.plan->plan()[i];
      if (steps[i].progress == Progress::done && !planned.existing) {
        resources.push_back(JsonObject{{"id", planned.id}});
      }
    }
    record->output_resources = std::move(resources);
    TRY(put_steps(change, run.place, record->name, steps));
    return put_record(change, run.place, *record);
  });
}

// Mode Complete: what is in the group and not in the template goes. What others still need goes
// after them, so a refusal is no error while anything moves.
Result<> Engine::remove_others(Run& run) {
  const auto group = TRY(arm::ResourceId::parse(run.record.scope));
  std::set<std::string> named;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (run.steps[i].progress == Progress::done) named.insert(to_lower(run.plan->plan()[i].id));
  }
  std::optional<Error> refused;
  for (int round = 0; round < removals_max; ++round) {
    std::vector<arm::ResourceId> left;
    TRY(model_.read(group.subscription, [&](const model::View& view) -> Result<> {
      left.clear();
      for (const auto& row : TRY(view.list_group(group.group))) {
        // A child of what is named was not asked about; it goes with a parent that goes.
        auto top = row.id;
        bool kept = named.contains(top.key());
        while (top.types.size() > 1) {
          top = top.parent();
          kept = kept || named.contains(top.key());
        }
        if (!kept) left.push_back(row.id);
      }
      return {};
    }));
    if (left.empty()) return {};
    std::ranges::stable_sort(
        left, [](const auto& a, const auto& b) { return a.types.size() > b.types.size(); });
    for (const auto& id : left) {
      const auto* type = provider::find_type(id.provider, id.type());
      if (type == nullptr) continue;
      const auto outcome = dispatch_({.method = "DELETE",
                                      .path = id.text(),
                                      .api_version = std::string(type->api_versions.back()),
                                      .caller = run.record.caller,
                                      .base_url = run.record.base_url});
      if (!outcome) refused = outcome.error();
      if (refused && (refused->kind == Kind::denied || refused->code == "ScopeLocked")) {
        return fail(*refused);
      }
    }
    for (int wait = 0; wait < 10; ++wait) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, options_.look_every, [&] { return ending_.load(); });
      if (ending_) return fail(Kind::cancelled, "The server stops.");
    }
  }
  if (refused) return fail(*refused);
  return fail(Kind::conflict, "What the template does not name is still being deleted.");
}

}  // namespace pinaco::deploy
