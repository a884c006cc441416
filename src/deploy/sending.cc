// What becomes of one resource: its request, the answer, and the operation that the answer began.
#include <fmt/format.h>

#include "base/log.h"
#include "deploy/engine.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

// Somebody else is at it, or a part is away: sent again after a while.
bool may_pass(const Error& error) {
  return error.kind == Kind::busy || error.kind == Kind::unavailable ||
         error.code == "AnotherOperationInProgress" || error.code == "TooManyRequests" ||
         error.code == "DeploymentActive";
}

}  // namespace

void Engine::send(Run& run, std::size_t index) {
  const auto& planned = run.plan->plan()[index];
  Result<provider::Outcome> outcome = fail(Kind::cancelled, "The server stops.");
  if (!ending_) {
    Reader reader(dispatch_, run.record.caller, run.record.base_url,
                  run.plan->surroundings().subscription);
    const auto body = [&] {
      const std::lock_guard lock(run.evaluating);
      return run.plan->body(index, &reader);
    }();
    if (body) {
      outcome = dispatch_({.method = "PUT",
                           .path = planned.id,
                           .api_version = planned.api_version,
                           .body = *body,
                           .caller = run.record.caller,
                           .base_url = run.record.base_url});
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
    const auto moved = follow_one(run, run.plan->plan()[i], step);
    if (!moved) {
      LOG(warning, "deploy", "{} cannot be followed: {}", run.plan->plan()[i].id,
          moved.error().message);
      continue;
    }
    if (!*moved) continue;
    const std::lock_guard lock(mutex_);
    run.steps[i] = step;
    run.changed = true;
  }
}

Result<bool> Engine::follow_one(const Run&, const templates::Planned& planned, Step& step) {
  Json error;
  if (planned.is_deployment()) {
    const auto at = planned.id.rfind("/providers/");
    const auto scope = at == 0 ? std::string("/") : planned.id.substr(0, at);
    const auto name = planned.id.substr(planned.id.rfind('/') + 1);
    const auto place = place_of(step.subscription, scope);
    std::optional<Record> record;
    TRY(model_.read(place.shard, [&](const model::View& view) -> Result<> {
      record = TRY(find_record(view, place, name));
      return {};
    }));
    if (record && record->run == step.operation && !has_ended(record->state)) return false;
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
                         {"target", planned.id},
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
