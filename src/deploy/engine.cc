// How runs are taken up, advanced and remembered.
#include "deploy/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

constexpr std::size_t sending_max = 16;  // of one deployment at once
constexpr std::size_t removal_lanes = 4;
constexpr auto groups_kept_for = std::chrono::hours(24);

bool is_terminal(Progress progress) {
  return progress == Progress::done || progress == Progress::failed ||
         progress == Progress::skipped || progress == Progress::blocked;
}

}  // namespace

Engine::Engine(model::Model& model, const access::Access& access, Options options)
    : model_(model), access_(access), options_(options) {}

Engine::~Engine() {
  stop();
}

Result<> Engine::start(Dispatch dispatch, Fetch fetch) {
  dispatch_ = std::move(dispatch);
  fetch_ = std::move(fetch);
  auto shards = TRY(model_.shards());
  shards.emplace_back();
  for (const auto& shard : shards) {
    TRY(model_.read(shard, [&](const model::View& view) -> Result<> {
      for (const auto& [name, json] : TRY(view.facts(pending_prefix))) {
        waiting_.push_back({.tenant = std::string(string_at(json, "tenant")),
                            .scope = std::string(string_at(json, "scope")),
                            .name = std::string(string_at(json, "name")),
                            .run = name.substr(pending_prefix.size()),
                            .depth = static_cast<int>(int_at(json, "depth"))});
      }
      return {};
    }));
  }
  // A run of each level has room for all that it sends at once.
  const auto runs_max = options_.running * (nesting_max + 1);
  lanes_ = std::make_unique<os::Lanes>(options_.lanes, runs_max * sending_max);
  removals_ = std::make_unique<os::Lanes>(removal_lanes, options_.running);
  thread_ = std::thread([this] { go(); });
  return {};
}

void Engine::stop() {
  ending_ = true;
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  removals_.reset();
  lanes_.reset();
  // What was answered since the thread's last look.
  for (const auto& run : runs_) (void)keep_steps(*run);
  runs_.clear();
}

void Engine::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ending_ || (waiting_.empty() && runs_.empty() && !taking_); });
}

Result<std::unique_ptr<templates::Template>> Engine::load(const Record& record, Json text,
                                                          const Json& parameters) const {
  auto around = TRY(surroundings_of(record, model_, access_));
  return templates::Template::load(std::move(text), parameters, std::move(around));
}

Result<Json> Engine::fetch(const Link& link) const {
  if (fetch_ != nullptr) return fetch_(link);
  return fail(arm::error(Kind::invalid, "InvalidContentLink",
                         "This server fetches no templates: send the template itself."));
}

Result<> Engine::check_room() const {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() < waiting_max) return {};
  return fail(arm::error(Kind::busy, "TooManyRequests",
                         fmt::format("{} deployments wait already. Try again when some have ended.",
                                     waiting_.size())));
}

void Engine::take(const Record& record) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({.tenant = record.tenant,
                        .scope = record.scope,
                        .name = record.name,
                        .run = record.run,
                        .depth = record.depth});
    moved_ = true;
  }
  changed_.notify_all();
}

void Engine::cancel(const std::string& wanted) {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& run : runs_) {
      if (run->record.run == wanted) run->cancel = true;
    }
    moved_ = true;
  }
  changed_.notify_all();
}

void Engine::go() {
  while (!ending_) {
    take_up_waiting();
    // Only this thread changes the list.
    for (const auto& run : runs_) advance(run);
    std::unique_lock lock(mutex_);
    std::erase_if(runs_, [](const auto& run) { return run->over && run->sending == 0; });
    const bool idle = runs_.empty() && waiting_.empty();
    if (idle) changed_.notify_all();  // whoever drains
    changed_.wait_for(lock, idle ? Milliseconds(1000) : options_.look_every,
                      [&] { return ending_.load() || moved_; });
    moved_ = false;
  }
}

// A deployment waits for those inside it, and they for theirs: each level has room of its own, so
// that nobody waits for himself.
bool Engine::has_room(int depth) const {
  const auto here =
      std::ranges::count_if(runs_, [&](const auto& run) { return run->record.depth == depth; });
  return static_cast<std::size_t>(here) < options_.running;
}

void Engine::take_up_waiting() {
  std::size_t looks = 0;
  {
    const std::lock_guard lock(mutex_);
    looks = waiting_.size();
  }
  for (; looks > 0; --looks) {
    Waiting next;
    {
      const std::lock_guard lock(mutex_);
      next = waiting_.front();
      waiting_.pop_front();
      if (!has_room(next.depth) || model_.clock().steady() < next.not_before) {
        waiting_.push_back(std::move(next));
        continue;
      }
      taking_ = true;
    }
    auto run = open(next);
    bool dropped = run && *run == nullptr;
    if (!run) {
      LOG(warning, "deploy", "the deployment {} on {} cannot go on: {}", next.name, next.scope,
          run.error().message);
      const bool passes = run.error().kind == Kind::busy || run.error().kind == Kind::unavailable;
      dropped = !passes && drop(next, run.error()).has_value();
    }
    const std::lock_guard lock(mutex_);
    taking_ = false;
    if (run && *run != nullptr) {
      runs_.push_back(std::move(*run));
    } else if (!dropped) {
      next.not_before = model_.clock().steady() + options_.retry_after;
      waiting_.push_back(std::move(next));
    }
  }
}

// nullptr: it has ended, or was replaced or deleted.
Result<std::shared_ptr<Engine::Run>> Engine::open(const Waiting& waiting) {
  auto run = std::make_shared<Run>();
  run->place = place_of(waiting.tenant, waiting.scope);
  std::optional<Record> record;
  Json text, given;
  std::vector<Step> kept;
  TRY(model_.read(run->place.shard, [&](const model::View& view) -> Result<> {
    record = TRY(find_record(view, run->place, waiting.name));
    if (!record || record->run != waiting.run || has_ended(record->state)) return {};
    text = TRY(find_part(view, run->place, waiting.name, Part::text));
    given = TRY(find_part(view, run->place, waiting.name, Part::given));
    const auto link = TRY(find_part(view, run->place, waiting.name, Part::link));
    run->link = link.is_string() ? std::string(link.get_string()) : std::string();
    kept = TRY(find_steps(view, run->place, waiting.name));
    return {};
  }));
  if (!record || record->run != waiting.run || has_ended(record->state)) {
    TRY(model_.change(run->place.shard, [&](model::Change& change) -> Result<> {
      return change.erase_fact(pending_fact(waiting.run));
    }));
    return std::shared_ptr<Run>();
  }
  run->record = std::move(*record);
  run->cancel = run->record.cancel;
  // Groups that an outside issuer told of long ago may no longer be true.
  if (model_.clock().now() - run->record.start > groups_kept_for) {
    run->record.caller.groups.clear();
  }
  run->plan = TRY(load(run->record, std::move(text), given));
  const auto count = run->plan->plan().size();
  // By id: names may depend on tags of the group, which somebody may have changed.
  std::map<std::string, const Step*> known;
  for (const auto& step : kept) known[to_lower(step.id)] = &step;
  for (const auto& planned : run->plan->plan()) {
    const auto found = known.find(to_lower(planned.id));
    run->steps.push_back(found != known.end() ? *found->second : Step());
    run->steps.back().id = planned.id;
    run->steps.back().type = planned.type;
    run->steps.back().name = planned.name;
    run->steps.back().existing = planned.existing;
  }
  run->not_before.resize(count);
  run->attempts.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto& step = run->steps[i];
    // What was on its way when the last process ended is sent again.
    if (step.progress == Progress::sending) step.progress = Progress::waiting;
    if (step.progress != Progress::waiting) continue;
    if (!run->plan->plan()[i].wanted) step.progress = Progress::skipped;
  }
  return run;
}

// It can no longer be read, say because its group is gone.
Result<> Engine::drop(const Waiting& waiting, const Error& error) {
  const auto place = place_of(waiting.tenant, waiting.scope);
  return model_.change(place.shard, [&](model::Change& change) -> Result<> {
    TRY(change.erase_fact(pending_fact(waiting.run)));
    auto record = TRY(find_record(change, place, waiting.name));
    if (!record || record->run != waiting.run || has_ended(record->state)) return {};
    record->state = State::failed;
    record->error = error_json(error);
    record->end = change.now();
    TRY(erase_given(change, place, record->name));
    return put_record(change, place, *record);
  });
}

bool Engine::may_begin(Run& run, std::size_t index) const {
  const auto& planned = run.plan->plan()[index];
  for (const auto before : planned.after) {
    const auto progress = run.steps[before].progress;
    if (!is_terminal(progress)) return false;
    if (progress == Progress::failed || progress == Progress::blocked) {
      run.steps[index].progress = Progress::blocked;
      run.changed = true;
      return false;
    }
  }
  return model_.clock().steady() >= run.not_before[index];
}

void Engine::advance(const std::shared_ptr<Run>& run) {
  {
    const std::lock_guard lock(mutex_);
    if (run->over || run->finishing || model_.clock().steady() < run->rests_until) return;
  }
  const auto now = model_.clock().steady();
  if (now - run->followed >= options_.look_every) {
    run->followed = now;
    follow(*run);
  }
  bool ended = true;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < run->steps.size(); ++i) {
      auto& step = run->steps[i];
      if (step.progress != Progress::waiting) continue;
      if (run->cancel) {
        step.progress = Progress::blocked;
        run->changed = true;
        continue;
      }
      if (run->sending >= sending_max || !may_begin(*run, i)) continue;
      run->changed = true;
      if (run->plan->plan()[i].existing) {
        step.progress = Progress::done;
        step.start = step.end = model_.clock().now();
        continue;
      }
      step.progress = Progress::sending;
      if (step.start == WallTime()) step.start = model_.clock().now();
      run->sending++;
      const auto queued = lanes_->try_run([this, run, i] { send(*run, i); });
      if (!queued) {
        step.progress = Progress::waiting;
        run->sending--;
      }
    }
    for (const auto& step : run->steps) {
      // What was begun and then cancelled goes on by itself; nobody waits for it.
      const bool left = run->cancel && step.progress == Progress::following;
      ended = ended && (is_terminal(step.progress) || left);
    }
    ended = ended && run->sending == 0;
    if (ended) run->finishing = true;
  }
  if (const auto kept = keep_steps(*run); !kept) {
    LOG(warning, "deploy", "progress of {} is not kept: {}", run->record.id(),
        kept.error().message);
  }
  if (!ended) return;
  auto& lanes = run->record.complete ? *removals_ : *lanes_;
  const auto queued = lanes.try_run([this, run] { finish(*run); });
  if (queued) return;
  const std::lock_guard lock(mutex_);
  run->finishing = false;
}

Result<> Engine::keep_steps(Run& run) {
  std::vector<Step> steps;
  {
    const std::lock_guard lock(mutex_);
    if (!run.changed) return {};
    run.changed = false;
    steps = run.steps;
  }
  bool gone = false;
  bool cancel = false;
  const auto kept = model_.change(run.place.shard, [&](model::Change& change) -> Result<> {
    const auto listed = TRY(find_listed(change, run.place, run.record.name));
    gone = !listed || listed->run != run.record.run;
    if (gone) return change.erase_fact(pending_fact(run.record.run));
    cancel = listed->cancel;
    if (listed->state == State::accepted) {
      auto record = TRY(find_record(change, run.place, run.record.name));
      record->state = State::running;
      TRY(put_record(change, run.place, *record));
    }
    return put_steps(change, run.place, run.record.name, steps);
  });
  const std::lock_guard lock(mutex_);
  if (!kept) {
    run.changed = true;
    run.rests_until = model_.clock().steady() + options_.retry_after;
  }
  if (gone) run.over = true;
  if (cancel) run.cancel = true;
  return kept;
}

}  // namespace pinaco::deploy
