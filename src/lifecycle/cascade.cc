// The steps that take a gallery or a definition away; what they may meet is in cascade_plan.cc.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>

#include "access/access.h"
#include "base/log.h"
#include "lifecycle/lifecycle.h"

namespace pinaco::lifecycle {
namespace {

// A transaction has at most 1,000 writes. A version takes this many but for the rules on it, of
// which up to model::rules_a_step go with it; so that the last one begun fits, too.
constexpr std::size_t writes_of_a_row = 14;
constexpr std::size_t writes_a_step = 450;
constexpr std::size_t recycled_a_step = 150;  // each with two rows of what it cost
constexpr std::size_t steps_a_look = 8;       // with one look at what is in use

// One transaction's part of it.
class Eraser {
 public:
  // Users: what must not lose its version; nullptr: nothing.
  Eraser(model::Change& change, model::Operation& operation, const Users* users)
      : change_(change),
        operation_(operation),
        users_(users),
        for_good_(bool_at(operation.input, "forGood")),
        by_(string_at(operation.input, "by")) {}

  bool full() const { return writes_ >= writes_a_step; }
  std::int64_t done() const { return done_; }

  // Whether the definition stays, because one of its versions can be restored. Asks full() first,
  // and goes on in the next step when it is.
  Result<bool> erase_definition(const model::Resource& gallery, const model::Resource& definition);
  // The row with the rules on it; a gallery that keeps the version gets it. False: the next step
  // goes on.
  Result<bool> erase_row(const model::Resource& row, const model::Resource* keeper = nullptr);

 private:
  Result<> erase_versions(const model::Resource& gallery, const arm::ResourceId& definition);
  Result<> erase_recycled(const arm::ResourceId& definition);

  model::Change& change_;
  model::Operation& operation_;
  const Users* users_;
  const bool for_good_;
  const std::string by_;
  std::size_t writes_ = 0;
  std::int64_t done_ = 0;
};

Result<bool> Eraser::erase_row(const model::Resource& row, const model::Resource* keeper) {
  if (full()) return false;
  // What works on it need not end first: it ends now.
  if (!row.operation.empty() && row.operation != operation_.id) {
    if (!TRY(model::preempt(change_, row))) {
      return fail(Kind::busy, fmt::format("'{}' has an operation in progress.", row.id.text()));
    }
  }
  const auto rules = TRY(model::erase_some_rules(change_, row.id));
  writes_ += rules + writes_of_a_row;
  if (rules == model::rules_a_step) return false;
  if (keeper != nullptr) TRY(provider::recycle(change_, *keeper, row));
  TRY(change_.erase(row.id));
  TRY(provider::record_deed(change_, row.id.full_type() + "/delete", row.id.text(),
                            JsonObject{{"why", fmt::format("it was in '{}', which is deleted",
                                                           operation_.resource.nested_name())},
                                       {"by", by_}}));
  done_++;
  return true;
}

Result<> Eraser::erase_versions(const model::Resource& gallery, const arm::ResourceId& definition) {
  const bool keeps = provider::keeps_deleted(gallery) && !for_good_;
  const auto page =
      TRY(change_.list(definition.child("versions", ""), "", writes_a_step / writes_of_a_row + 1));
  for (const auto& version : page.rows) {
    if (full()) return {};
    if (auto why = provider::blocked_until_its_end(version, change_.now()); !why.empty()) {
      return fail(arm::error(Kind::conflict, "OperationNotAllowed", std::move(why)));
    }
    if (users_ != nullptr) {
      if (const auto user = users_->of(version.id, nullptr); !user.empty()) {
        return fail(arm::error(Kind::conflict, "OperationNotAllowed", in_use(version.id, user)));
      }
    }
    // What never came to be cannot be restored.
    const bool kept = keeps && bool_at(version.internal, "created");
    if (!TRY(erase_row(version, kept ? &gallery : nullptr))) return {};
  }
  return {};
}

Result<> Eraser::erase_recycled(const arm::ResourceId& definition) {
  const auto prefix = recycled_prefix(definition);
  const auto some = TRY(change_.facts_between(prefix, prefix.substr(0, prefix.size() - 1) + "0",
                                              recycled_a_step));  // '0' is after '/'
  for (const auto& [name, fact] : some) TRY(change_.erase_fact(name));
  writes_ += 3 * some.size();
  return {};
}

Result<bool> Eraser::erase_definition(const model::Resource& gallery,
                                      const model::Resource& definition) {
  TRY(erase_versions(gallery, definition.id));
  if (full() || !TRY(change_.list(definition.id.child("versions", ""), "", 1)).rows.empty()) {
    return false;
  }
  // Once soft delete was turned off, nobody restores what it kept.
  if (for_good_ || !provider::keeps_deleted(gallery)) TRY(erase_recycled(definition.id));
  if (full()) return false;
  const auto prefix = recycled_prefix(definition.id);
  const auto left =
      TRY(change_.facts_between(prefix, prefix.substr(0, prefix.size() - 1) + "0", 1));
  if (!left.empty()) return provider::keeps_deleted(gallery) && !for_good_;
  TRY(erase_row(definition));
  return false;
}

Result<> finish(model::Change& change, model::Operation& operation) {
  operation.state = model::OperationState::succeeded;
  operation.end = change.now();
  return change.put_operation(operation);
}

// One that stays is as it was before.
Result<> leave(model::Change& change, model::Resource row) {
  row.operation.clear();
  row.provisioning = "Succeeded";
  return change.put(row);
}

Result<> note_progress(model::Change& change, model::Operation& operation, std::int64_t done) {
  const auto total = std::max<std::int64_t>(int_at(operation.input, "total"), 1);
  const auto sum = int_at(operation.input, "done") + done;
  set_path(operation.input, "done", sum);
  set_path(operation.input, "percent", std::min<std::int64_t>(sum * 100 / total, 99));
  return change.put_operation(operation);
}

// The next definition of a gallery, if there is one.
Result<std::optional<model::Resource>> next_definition(const model::Change& change,
                                                       const model::Resource& gallery,
                                                       const Cascade::Progress& progress,
                                                       std::string& after) {
  if (progress.at_end) return std::nullopt;
  auto page = TRY(change.list(gallery.id.child("images", ""), progress.from, 1));
  after = page.next;
  if (page.rows.empty()) return std::nullopt;
  return std::move(page.rows.front());
}

Result<> step_of_gallery(model::Change& change, model::Operation& operation, const Users* users,
                         const model::Resource& gallery, Cascade::Progress& progress) {
  Eraser eraser(change, operation, users);
  while (!eraser.full()) {
    std::string after;
    const auto definition = TRY(next_definition(change, gallery, progress, after));
    if (!definition) {
      if (!TRY(change.list(gallery.id.child("images", ""), "", 1)).rows.empty()) {
        TRY(leave(change, gallery));
      } else if (!TRY(eraser.erase_row(gallery))) {
        break;
      }
      progress.more = false;
      return finish(change, operation);
    }
    if (TRY(eraser.erase_definition(gallery, *definition))) {
      progress.from = after;
      progress.at_end = after.empty();
    }
  }
  return note_progress(change, operation, eraser.done());
}

Result<> step_of_definition(model::Change& change, model::Operation& operation, const Users* users,
                            const model::Resource& definition, Cascade::Progress& progress) {
  const auto gallery = TRY(change.get(definition.id.parent()));
  Eraser eraser(change, operation, users);
  while (!eraser.full()) {
    const bool stays = TRY(eraser.erase_definition(gallery, definition));
    if (stays) TRY(leave(change, definition));
    if (stays || !TRY(change.find(definition.id))) {
      progress.more = false;
      return finish(change, operation);
    }
  }
  return note_progress(change, operation, eraser.done());
}

// Ends the operation; what is there still is whole.
Result<> stop(model::Change& change, const model::Operation& given, const Error& error) {
  auto operation = TRY(change.find_operation(given.id));
  if (!operation || operation->state != model::OperationState::in_progress) return {};
  if (auto row = TRY(change.find(given.resource)); row && row->operation == given.id) {
    TRY(leave(change, std::move(*row)));
  }
  operation->state = model::OperationState::failed;
  operation->end = change.now();
  operation->error_code = arm::error_code(error);
  operation->error_target = error.target;
  operation->error_message = fmt::format(
      "{} Deleting stopped there: {} of {} are gone, and the rest is as it was. Delete "
      "it again once that is mended.",
      error.message, int_at(operation->input, "done"), int_at(operation->input, "total"));
  return change.put_operation(*operation);
}

}  // namespace

Result<> Cascade::step(const Users* users, const model::Operation& operation, Progress& progress) {
  Progress next;
  TRY(model_.change(operation.resource.subscription, [&](model::Change& change) -> Result<> {
    next = progress;
    auto row = TRY(change.find_operation(operation.id));
    const auto top = TRY(change.find(operation.resource));
    const bool running = row && row->state == model::OperationState::in_progress;
    next.more = running && top && top->operation == operation.id;
    if (running && !next.more) return finish(change, *row);
    if (!running) return {};
    // On it, above it or on anything in it: also one that was put a moment ago.
    TRY(access::check_locks(change, top->id.text(), true));
    return top->id.types.size() == 1 ? step_of_gallery(change, *row, users, *top, next)
                                     : step_of_definition(change, *row, users, *top, next);
  }));
  progress = next;
  return {};
}

Result<> Cascade::step(const model::Operation& operation, Progress& progress) {
  const std::atomic<bool> ending = false;
  return some_steps(operation, progress, ending, 1);
}

// Machines can be made of what is not gone yet, and are not while it is found out that there are
// none.
Result<> Cascade::some_steps(const model::Operation& operation, Progress& progress,
                             const std::atomic<bool>& ending, std::size_t steps_max) {
  std::unique_lock crossing(model_.crossing(), std::defer_lock);
  std::optional<Users> users;
  if (!bool_at(operation.input, "inUse")) {
    crossing.lock();
    users = TRY(Users::find(model_));
  }
  for (std::size_t steps = 0; steps < steps_max && progress.more; steps++) {
    if (ending) return fail(Kind::cancelled, "The server is stopping.");
    TRY(step(users ? &*users : nullptr, operation, progress));
  }
  return {};
}

Result<> Cascade::run(const model::Operation& operation, const std::atomic<bool>& ending) {
  Progress progress;
  while (progress.more) {
    const auto done = some_steps(operation, progress, ending, steps_a_look);
    if (done) continue;
    auto error = done.error();
    // The outcome of the step is not known, or will be another one soon.
    const bool passes = error.kind == Kind::unavailable || error.kind == Kind::busy;
    const bool last = operation.attempts + 1 >= attempts_max_;
    if ((passes && !last) || error.kind == Kind::cancelled) return done;
    LOG(warning, "lifecycle", "deleting {} stopped: {}", operation.resource.text(), error.message);
    // Where the rows are is nothing for clients.
    if (error.kind == Kind::unavailable) error.message = "The server's rows were not available.";
    const auto stopped = model_.change(operation.resource.subscription, [&](model::Change& change) {
      return stop(change, operation, error);
    });
    if (stopped) return {};
    // Comes again, and does not count: only here it ends with everything as it was.
    return fail(Kind::cancelled, stopped.error().message);
  }
  return {};
}

}  // namespace pinaco::lifecycle
