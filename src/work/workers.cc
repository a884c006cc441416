// Operations in progress are found by their rows, run on lanes, repeated when they may pass, and
// ended in the transaction that also writes what they did.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "base/log.h"
#include "work/tasks.h"

namespace pinaco::work {
namespace {

using Task = Result<> (*)(Bench&, const model::Operation&);

Task find_task(std::string_view name) {
  if (name == "import_upload") return import_upload;
  if (name == "write_empty_disk") return write_empty_disk;
  if (name == "replicate_version") return replicate_version;
  if (name == "delete_group") return delete_group;
  if (name == "capture_contents") return capture_contents;
  if (name == "create_machine") return create_machine;
  if (name == "update_machine") return update_machine;
  if (name == "start_machine") return start_machine;
  if (name == "restart_machine") return restart_machine;
  if (name == "power_off_machine") return power_off_machine;
  if (name == "deallocate_machine") return deallocate_machine;
  if (name == "delete_machine") return delete_machine;
  if (name == "reimage_machine") return reimage_machine;
  if (name == "update_scale_set") return update_scale_set;
  if (name == "act_on_scale_set") return act_on_scale_set;
  if (name == "delete_scale_set") return delete_scale_set;
  if (name == "assign_address") return assign_address;
  return nullptr;
}

// These mostly wait for guests, and must not keep images from being copied meanwhile.
// Operations in the lanes at once, running or next; and room for the sweep and the like.
constexpr std::size_t others_max = 1024;
constexpr std::size_t guests_max = 4096;
constexpr std::size_t spare = 16;

bool waits_for_guests(std::string_view task) {
  return task.ends_with("_machine") || task.ends_with("_scale_set");
}

bool may_pass(const Error& error) {
  return error.kind == Kind::unavailable || error.kind == Kind::busy;
}

// As it is now: a worker may have written to it since it was read. None when it was preempted while
// a worker was at it and so has ended.
Result<std::optional<model::Operation>> find_running(const model::View& view,
                                                     const std::string& operation) {
  auto row = TRY(view.find_operation(operation));
  if (row && row->state != model::OperationState::in_progress) row.reset();
  return row;
}

}  // namespace

Result<> finish(model::Change& change, const model::Operation& operation) {
  auto ended = operation;
  ended.state = model::OperationState::succeeded;
  ended.end = change.now();
  return change.put_operation(ended);
}

Result<> finish_failed(Bench& bench, const model::Operation& operation, const Error& error) {
  return bench.model.change(operation.resource.subscription,
                            [&](model::Change& change) -> Result<> {
                              auto ended = TRY(find_running(change, operation.id));
                              if (!ended) return {};
                              if (auto row = TRY(change.find(operation.resource));
                                  row && row->operation == operation.id) {
                                row->operation.clear();
                                row->provisioning = "Failed";
                                TRY(change.put(*row));
                              }
                              ended->attempts = operation.attempts;
                              ended->state = model::OperationState::failed;
                              ended->end = change.now();
                              ended->error_code = arm::error_code(error);
                              ended->error_message = told(bench, error.message);
                              ended->error_target = error.target;
                              return change.put_operation(*ended);
                            });
}

Error later(std::string what) {
  return Error{.kind = Kind::busy, .message = std::move(what), .code = "Later"};
}

bool is_later(const Error& error) {
  return error.code == "Later";
}

Workers::Workers(model::Model& model, Depot& depot, WorkerOptions options, Host* host)
    : model_(model), depot_(depot), host_(host), options_(options) {}

Bench Workers::bench() {
  return Bench{model_, depot_, options_, ending_, host_};
}

Workers::~Workers() {
  stop();
}

void Workers::start() {
  lanes_ = std::make_unique<os::Lanes>(options_.lanes, others_max + spare);
  machine_lanes_ = std::make_unique<os::Lanes>(options_.machine_lanes, guests_max + spare);
  last_sweep_ = model_.clock().steady();
  if (host_ != nullptr) {
    Bench mine = bench();
    if (const auto found = find_machines_again(mine); !found) {
      LOG(error, "work", "machines cannot be found again: {}", found.error().message);
    }
  }
  thread_ = std::thread([this] { run(); });
}

void Workers::stop() {
  ending_ = true;
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  machine_lanes_.reset();
  lanes_.reset();
}

void Workers::kick() {
  {
    const std::lock_guard lock(mutex_);
    kicked_ = true;
    sweep_wanted_ = true;
  }
  changed_.notify_all();
}

void Workers::drain() {
  std::unique_lock lock(mutex_);
  const std::uint64_t round = rounds_;
  kicked_ = true;
  changed_.notify_all();
  // Two whole rounds: one that may have begun before the last write, and one after it.
  changed_.wait(lock, [&] {
    return ending_ || (rounds_ >= round + 2 && running_.empty() && not_before_.empty());
  });
}

void Workers::run() {
  while (!ending_) {
    dispatch();
    std::unique_lock lock(mutex_);
    rounds_++;
    changed_.notify_all();
    changed_.wait_for(lock, options_.pause, [&] { return ending_ || kicked_; });
    kicked_ = false;
    look_after();
    if (sweep_is_due()) {
      last_sweep_ = model_.clock().steady();
      sweep_wanted_ = false;
      sweeping_ = true;
      // Beside the work, which its pins keep safe; one that finds the lanes full comes again.
      const auto queued = lanes_->try_run([this] {
        const auto swept = sweep();
        if (!swept) LOG(warning, "work", "the sweep stopped: {}", swept.error().message);
        sweeping_ = false;
      });
      if (!queued) {
        sweeping_ = false;
        sweep_wanted_ = true;
      }
    }
  }
}

void Workers::look_after() {
  const auto now = model_.clock().steady();
  if (ending_ || host_ == nullptr || looking_ || now - last_look_ < options_.look_every) return;
  last_look_ = now;
  looking_ = true;
  const auto queued = machine_lanes_->try_run([this] {
    Bench mine = bench();
    if (const auto looked = look_after_machines(mine); !looked) {
      LOG(warning, "work", "machines were not looked after: {}", looked.error().message);
    }
    looking_ = false;
  });
  if (!queued) looking_ = false;
}

bool Workers::sweep_is_due() {
  const auto waited = model_.clock().steady() - last_sweep_;
  return !ending_ && !sweeping_ &&
         (waited >= options_.sweep_every || (sweep_wanted_ && waited >= Seconds(60)));
}

Result<store::Swept> Workers::sweep() {
  Bench mine = bench();
  return sweep_regions(mine);
}

Result<Workers::Freed> Workers::freed_without(
    const std::function<bool(const arm::ResourceId& id)>& goes) {
  Bench mine = bench();
  return work::freed_without(mine, goes);
}

void Workers::dispatch() {
  const auto shards = model_.shards();
  if (!shards) {
    LOG(error, "work", "operations cannot be listed: {}", shards.error().message);
    return;
  }
  std::set<std::string> live;
  bool all_read = true;
  std::vector<Waiting> all;
  for (const auto& subscription : *shards) {
    std::vector<Waiting> pending;
    const auto read = model_.read(subscription, [&](const model::View& view) -> Result<> {
      pending.clear();
      for (auto& id : TRY(view.pending_operations())) {
        live.insert(id);
        bool known = false;
        {
          const std::lock_guard lock(mutex_);
          known = running_.contains(id);
        }
        if (known) continue;
        auto found = waiting_.find(id);
        if (found == waiting_.end()) {
          const auto operation = TRY(view.find_operation(id));
          found =
              waiting_
                  .emplace(id, Waiting{.start = operation ? operation->start : WallTime(),
                                       .id = id,
                                       .subscription = subscription,
                                       .guests = operation && waits_for_guests(operation->task)})
                  .first;
        }
        pending.push_back(found->second);
      }
      return {};
    });
    if (!read) LOG(error, "work", "operations cannot be read: {}", read.error().message);
    all_read = all_read && read;
    std::ranges::move(pending, std::back_inserter(all));
  }
  // The oldest first, of whatever subscription.
  std::ranges::sort(all, {}, [](const Waiting& each) { return std::tie(each.start, each.id); });
  bool full[2] = {};
  for (const auto& each : all) {
    {
      const std::lock_guard lock(mutex_);
      if (running_.contains(each.id)) continue;
      const auto wait = not_before_.find(each.id);
      if (wait != not_before_.end() && model_.clock().steady() < wait->second) continue;
      // Fewer than the lanes hold: the sweep finds room beside them.
      full[each.guests] =
          full[each.guests] || running_of_[each.guests] >= (each.guests ? guests_max : others_max);
      if (full[each.guests]) continue;
      not_before_.erase(each.id);
      running_.insert(each.id);
      running_of_[each.guests]++;
    }
    auto& lanes = each.guests ? *machine_lanes_ : *lanes_;
    lanes.run([this, each] { work_on(each); });
  }
  const std::lock_guard lock(mutex_);
  for (const bool guests : {false, true}) {
    refill_at_[guests] = full[guests] ? running_of_[guests] / 2 : running_of_[guests];
  }
  if (!all_read) return;
  std::erase_if(waiting_, [&](const auto& each) { return !live.contains(each.first); });
  // One that was preempted while it waited to be repeated has ended, and nobody waits for it.
  std::erase_if(not_before_, [&](const auto& each) { return !live.contains(each.first); });
}

void Workers::work_on(const Waiting& waiting) {
  const auto& id = waiting.id;
  std::optional<model::Operation> operation;
  const auto read = model_.read(waiting.subscription, [&](const model::View& view) -> Result<> {
    operation = TRY(view.find_operation(id));
    return {};
  });
  Result<> done;
  if (!read) done = fail(read.error());
  if (!ending_ && operation && operation->state == model::OperationState::in_progress) {
    done = step(*operation);
  }
  {
    const std::lock_guard lock(mutex_);
    running_.erase(id);
    running_of_[waiting.guests]--;
    if (!done && operation) {
      const int shift = std::min(operation->attempts, 6);
      not_before_[id] = model_.clock().steady() + options_.pause * (1 << shift);
    } else {
      // While more wait than the lanes hold, looking through them all for each would take longer
      // than the work.
      kicked_ = kicked_ || running_of_[waiting.guests] <= refill_at_[waiting.guests];
    }
  }
  changed_.notify_all();
}

Result<> Workers::step(model::Operation& operation) {
  Bench mine = bench();
  const Task task = find_task(operation.task);
  Result<> done;
  const auto other = options_.other_tasks.find(operation.task);
  if (task == nullptr && other != options_.other_tasks.end()) {
    done = other->second(operation, ending_);
  } else if (task == nullptr) {
    done = fail(Kind::invalid,
                fmt::format("This server does not know the task '{}'.", operation.task));
  } else {
    done = task(mine, operation);
  }
  if (done) return {};
  const Error& error = done.error();
  if (ending_ || error.kind == Kind::cancelled) return done;  // the next start goes on
  if (is_later(error)) return done;
  LOG(warning, "work", "{} of {} failed: {}", operation.task, operation.resource.text(),
      error.message);
  // What a group still waits for will end; giving up half-way would leave half a group.
  if (operation.task == "delete_group" && error.kind == Kind::busy) return done;
  operation.attempts++;
  if (!may_pass(error) || operation.attempts >= options_.attempts_max) {
    const auto ended = finish_failed(mine, operation, error);
    return ended ? Result<>() : ended;
  }
  const auto counted =
      model_.change(operation.resource.subscription, [&](model::Change& change) -> Result<> {
        auto row = TRY(find_running(change, operation.id));
        if (!row) return {};
        row->attempts = operation.attempts;
        return change.put_operation(*row);
      });
  return counted ? done : counted;
}

}  // namespace pinaco::work
