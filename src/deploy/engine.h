// The deployments that run, and the thread that brings them to their end. Inside this room only.
//
// Threads: one goes over the runs; lanes send requests and evaluate outputs; handlers come from
// any thread. The mutex guards the runs and their steps; a run's plan has a mutex of its own, as
// evaluating may ask the server.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "deploy/deploy.h"
#include "deploy/records.h"
#include "deploy/runtime.h"
#include "os/lanes.h"
#include "templates/templates.h"

namespace pinaco::deploy {

class Engine {
 public:
  Engine(model::Model& model, const access::Access& access, Options options);
  ~Engine();

  Result<> start(Dispatch dispatch, Fetch fetch);
  void stop();
  void drain();

  model::Model& model() const { return model_; }
  const access::Access& access() const { return access_; }
  const Dispatch& dispatch() const { return dispatch_; }
  Result<Json> fetch(const Link& link) const;

  // A template as it is deployed there by that record's caller.
  Result<std::unique_ptr<templates::Template>> load(const Record& record, Json text,
                                                    const Json& parameters) const;
  // One whose rows are committed: it begins when there is room.
  void take(const Record& record);
  Result<> check_room() const;  // TooManyRequests
  void cancel(const std::string& run);

 private:
  struct Run {
    Record record;
    Place place;
    std::string link;  // that its template came from, with what signs it
    std::unique_ptr<templates::Template> plan;
    std::mutex evaluating;  // the plan
    std::vector<Step> steps;
    std::vector<SteadyTime> not_before;
    std::vector<int> attempts;
    SteadyTime followed = {};     // when operations were last looked at
    SteadyTime rests_until = {};  // after something of it could not be kept
    std::size_t sending = 0;      // on lanes now
    bool changed = true;          // since the steps were written
    bool finishing = false;
    bool over = false;
    bool cancel = false;
  };
  struct Waiting {
    std::string tenant, scope, name, run;
    int depth = 0;
    SteadyTime not_before = {};
  };

  void go();  // the thread
  void take_up_waiting();
  Result<std::shared_ptr<Run>> open(const Waiting& waiting);
  void advance(const std::shared_ptr<Run>& run);
  bool may_begin(Run& run, std::size_t index) const;  // with the mutex held
  void send(Run& run, std::size_t index);
  void take_answer(Run& run, std::size_t index, Result<provider::Outcome> outcome);
  void follow(Run& run);
  Result<bool> follow_one(Step& step);
  Result<> keep_steps(Run& run);
  void finish(Run& run);
  Error failure_of(const Run& run) const;
  Result<> remove_others(Run& run);
  Request request_of(const Run& run, std::string method, std::string path,
                     std::string_view api_version) const;
  bool has_room(int depth) const;  // with the mutex held
  Result<> end(Run& run, State state, Json outputs, Json error);
  Result<> drop(const Waiting& waiting, const Error& error);
  bool must_stop(const Run& run) const;

  model::Model& model_;
  const access::Access& access_;
  const Options options_;
  Dispatch dispatch_;
  Fetch fetch_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool moved_ = false;
  bool taking_ = false;  // one is between waiting_ and runs_
  std::atomic<bool> ending_ = false;
  std::deque<Waiting> waiting_;
  std::list<std::shared_ptr<Run>> runs_;
  std::unique_ptr<os::Lanes> lanes_;
  std::unique_ptr<os::Lanes> removals_;  // mode Complete, which waits for deletions
  std::thread thread_;
};

}  // namespace pinaco::deploy
