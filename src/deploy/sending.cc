// What becomes of one resource: its request, the answer, and the operation that the answer began.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "deploy/engine.h"
#include "deploy/links.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

// Somebody else is at it, or a part is away: sent again after a while.
bool may_pass(const Error& error) {
  return error.kind == Kind::busy || error.kind == Kind::unavailable ||
         error.code == "TooManyRequests" || error.code == "DeploymentActive";
}

}  // namespace

Request Engine::request_of(const Run& run, std::string method, std::string path,
                           std::string_view api_version) const {
  return {.method = std::move(method),
          .path = std::move(path),
          .api_version = std::string(api_version),
          .caller = run.record.caller,
          .base_url = run.record.base_url,
          .deployments = run.record.depth + 1,
          .correlation = run.record.correlation};
}

void Engine::send(Run& run, std::size_t index) {
  const auto& planned = run.plan->plan()[index];
  Result<provider::Outcome> outcome = fail(Kind::cancelled, "The server stops.");
  bool wanted = !ending_;
  {
    const std::lock_guard lock(mutex_);
    wanted = wanted && !run.cancel;
  }
  if (wanted) {
    Reader reader(dispatch_, run.record.caller, run.record.base_url,
                  run.plan->surroundings().subscription);
    auto body = [&] {
      const std::lock_guard lock(run.evaluating);
      return run.plan->body(index, &reader);
    }();
    if (body) {
      auto request = request_of(run, "PUT", planned.id, planned.api_version);
      request.body = std::move(*body);
      if (planned.is_deployment()) give_base(request.body, run.link);
      request.deployed_by = fmt::format("{}/{}", run.record.run, index);
      outcome = dispatch_(request);
    } else {
      outcome = fail(body.error());
    }
  }
  take_answer(run, index, std::move(outcome));
  {
    const std::lock_guard lock(mutex_);
    run.sending--;
    moved_ = true;
  }
  changed_.notify_all();
}

void Engine::take_answer(Run& run, std::size_t index, Result<provider::Outcome> outcome) {
  const auto& planned = run.plan->plan()[index];
  std::string nested;
  if (outcome && planned.is_deployment()) nested = outcome->deployment;
  const auto now = model_.clock().now();
  const std::lock_guard lock(mutex_);
  auto& step = run.steps[index];
  run.changed = true;
  if (!outcome) {
    const auto& error = outcome.error();
    if (error.kind == Kind::cancelled) {
      step.progress = Progress::waiting;
      return;
    }
    if (may_pass(error) && ++run.attempts[index] < options_.attempts_max) {
      step.progress = Progress::waiting;
      run.not_before[index] = model_.clock().steady() + options_.retry_after;
      return;
    }
    step.progress = Progress::failed;
    step.error = error_json(error);
    step.status = arm::http_status(error);
    step.end = now;
    return;
  }
  step.status = outcome->status;
  step.end = now;
  if (!nested.empty()) {
    step.progress = Progress::following;
    step.operation = nested;
    step.subscription = run.record.tenant;
  } else if (outcome->operation &&
             outcome->operation->state == model::OperationState::in_progress) {
    step.progress = Progress::following;
    step.operation = outcome->operation->id;
    step.subscription = outcome->operation->resource.subscription;
  } else {
    step.progress = Progress::done;
  }
}

void Engine::follow(Run& run) {
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    Step step;
    {
      const std::lock_guard lock(mutex_);
      step = run.steps[i];
    }
    if (step.progress != Progress::following) continue;
    const auto moved = follow_one(step);
    if (!moved) {
      LOG(warning, "deploy", "{} cannot be followed: {}", step.id, moved.error().message);
      continue;
    }
    if (!*moved) continue;
    const std::lock_guard lock(mutex_);
    run.steps[i] = step;
    run.changed = true;
  }
}

Result<bool> Engine::follow_one(Step& step) {
  Json error;
  if (iequals(step.type, "Microsoft.Resources/deployments")) {
    std::optional<Listed> listed;
    std::optional<Record> record;
    const auto [place, name] = place_of_id(step.subscription, step.id);
    TRY(model_.read(place.shard, [&](const model::View& view) -> Result<> {
      listed = TRY(find_listed(view, place, name));
      if (listed && has_ended(listed->state)) record = TRY(find_record(view, place, name));
      return {};
    }));
    if (listed && listed->run == step.operation && !has_ended(listed->state)) return false;
    if (!record || record->run != step.operation) {
      error = JsonObject{{"code", "DeploymentReplaced"},
                         {"message", "The nested deployment was deleted or replaced."}};
    } else if (record->state != State::succeeded) {
      error = record->error;
    }
  } else {
    std::optional<model::Operation> operation;
    TRY(model_.read(step.subscription, [&](const model::View& view) -> Result<> {
      operation = TRY(view.find_operation(step.operation));
      return {};
    }));
    if (operation && operation->state == model::OperationState::in_progress) return false;
    if (operation && operation->state == model::OperationState::failed) {
      const Error why = arm::error(Kind::conflict, operation->error_code, operation->error_message,
                                   operation->error_target);
      error = JsonObject{{"code", "ResourceDeploymentFailure"},
                         {"message",
                          "The resource write operation failed to complete successfully, because "
                          "it reached terminal provisioning state 'Failed'."},
                         {"target", step.id},
                         {"details", JsonArray{error_json(why)}}};
    }
  }
  step.end = model_.clock().now();
  step.progress = error.is_null() ? Progress::done : Progress::failed;
  if (!error.is_null()) step.status = 409;
  step.error = std::move(error);
  return true;
}

}  // namespace pinaco::deploy
