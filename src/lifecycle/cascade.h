// A gallery or a definition is deleted with all that is in it. What keeps that from being done is
// found and told before anything goes; then an operation takes it away in steps that may end
// anywhere, and the row of what was named says until the end that it is being deleted.
//
// Where soft delete keeps versions, those can be restored, and so their definitions and the gallery
// stay, unless they are to go for good.
//
// Threads: all calls from any thread. Lifetime: the Model outlives it. Limits: a plan is in memory
// as a whole; a step is one transaction. Errors: those of the Model; start() conflict with a detail
// for each obstacle, obstacles_max of them at most.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "arm/arm.h"
#include "base/clock.h"
#include "model/model.h"
#include "provider/provider.h"

namespace pinaco::lifecycle {

class Users;

inline constexpr std::string_view cascade_task = "delete_with_children";
inline constexpr std::size_t obstacles_max = 100;

struct CascadeOptions {
  bool for_good = false;  // also what soft delete would keep, and what it has kept
  bool in_use = false;    // also what machines and scale sets were made of
};

// Why a resource keeps all from going.
struct Obstacle {
  arm::ResourceId id;
  std::string code;  // as if it had been deleted by itself
  std::string why;
};

struct CascadePlan {
  model::Resource top;          // as it is
  std::size_t definitions = 0;  // that go, and the same below
  std::size_t versions = 0;
  std::size_t restorable = 0;  // of the versions
  WallTime restorable_until = {};
  std::size_t recycled = 0;  // deleted before; they go for good
  std::size_t staying = 0;   // definitions, because a version of theirs can be restored
  std::vector<Obstacle> obstacles;
  std::size_t obstacles_found = 0;    // there may be more than are listed
  std::vector<arm::ResourceId> gone;  // versions that nothing can bring back afterwards
  std::vector<arm::ResourceId> kept;  // versions that can be restored afterwards
  // Under way already; what is planned is then what is left for it, with its options.
  std::optional<model::Operation> operation;
  CascadeOptions options;
};

// The sentence that says it of a version.
std::string in_use(const arm::ResourceId& version, std::string_view user);

class Cascade {
 public:
  // Of steps that fail for reasons that may pass, the last that is tried ends the operation.
  explicit Cascade(model::Model& model, int attempts_max = 6)
      : model_(model), attempts_max_(attempts_max) {}

  // `id` is a gallery or a definition. The caller may read it and what is in it; what he may not
  // delete is an obstacle.
  Result<CascadePlan> plan(const provider::Call& call, const arm::ResourceId& id,
                           CascadeOptions options) const;
  // Begins it, or finds it begun, by whoever: who asks must be able to delete what is left, and
  // mean the same options. Nothing has changed when it fails.
  Result<model::Operation> start(const provider::Call& call, const arm::ResourceId& id,
                                 CascadeOptions options);
  // To the end, from wherever it is; Kind::cancelled when the server stops before. What forbids it
  // meanwhile, such as a new lock or a machine that is made of a version, ends the operation; the
  // rest is as it was.
  Result<> run(const model::Operation& operation, const std::atomic<bool>& ending);

  // Where a run is. One that begins again finds what is left.
  struct Progress {
    std::string from;     // definitions before it are done, or stay
    bool at_end = false;  // all of them are
    bool more = true;
  };
  // One transaction of run(), for tests of what a crash leaves.
  Result<> step(const model::Operation& operation, Progress& progress);

 private:
  Result<> step(const Users* users, const model::Operation& operation, Progress& progress);
  Result<> some_steps(const model::Operation& operation, Progress& progress,
                      const std::atomic<bool>& ending, std::size_t steps_max);

  model::Model& model_;
  const int attempts_max_;
};

}  // namespace pinaco::lifecycle
