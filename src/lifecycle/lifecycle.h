// What goes by itself: versions and definitions past their end of life, and versions that retention
// rules let go; and deleted versions that could be restored until now. A rule names them, a hold
// keeps them; what nothing keeps is marked, and deleted when its time has come
// (docs/decisions/lifecycle.md).
//
// Threads: all calls from any thread. Lifetime: Model and World outlive it. Limits: a plan is in
// memory as a whole; a step is one transaction on at most step_max rows. Errors: those of the
// Model. Rights are the caller's business.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "arm/arm.h"
#include "base/clock.h"
#include "lifecycle/cascade.h"  // what is deleted with all that is in it
#include "model/model.h"
#include "provider/provider.h"

namespace pinaco::lifecycle {

inline constexpr std::size_t step_max = 50;

// keep: nothing to do. mark: it is to go, from now on. wait: it is marked, and its time has not
// come. unmark: it is marked and stays after all. erase: it goes now.
enum class Fate { keep, mark, wait, unmark, erase };
std::string_view to_string(Fate fate);  // "keep", "mark", "wait", "unmark", "delete"
bool acts(Fate fate);                   // something is to be done now

struct Item {
  arm::ResourceId id;
  Fate fate = Fate::keep;
  std::string why;                    // it goes, or stays
  std::optional<WallTime> goes = {};  // when, if it does
};
Json to_json(const Item& item);

// Whether whoever asks may know of a resource; nullptr: of none.
using Sees = std::function<bool(const arm::ResourceId& id)>;

// What machines and scale sets of the whole server were made of.
class Users {
 public:
  static Result<Users> find(const model::Model& model);
  // "the machine rg/web" of a version, "a machine" to whom may not see it; empty: none.
  std::string of(const arm::ResourceId& version, const Sees& sees) const;

 private:
  Result<> add(const model::View& view);
  std::map<std::string, arm::ResourceId> by_version_;  // one of them
};

struct Options {
  bool skip_grace = false;  // what is to go goes now, but for what a person deleted
  Sees sees = nullptr;
};

// Versions of a definition that were deleted in a gallery with soft delete: a fact each, with
// "goes", the time from which none can restore it.
std::string recycled_prefix(const arm::ResourceId& definition);

// What is to become of a definition, its versions, the greatest first, and its deleted versions, by
// the ids that clients know those by.
Result<std::vector<Item>> plan_definition(const model::View& view, const provider::World& world,
                                          const Users& users, const model::Resource& gallery,
                                          const model::Resource& definition, WallTime now,
                                          Options options);

class Lifecycle {
 public:
  Lifecycle(model::Model& model, const provider::World& world) : model_(model), world_(world) {}

  // Of all below a subscription, a group, a gallery, a definition or a version; changes nothing.
  Result<std::vector<Item>> plan(const arm::ResourceId& scope, Options options = {}) const;
  // Does it, until there is nothing left to do or the server stops; returns what was done.
  Result<std::vector<Item>> run(const arm::ResourceId& scope, Options options = {},
                                const std::atomic<bool>* ending = nullptr);
  // Of all subscriptions: the janitor's part. One in trouble does not keep the others.
  Result<> run_all(const std::atomic<bool>& ending);
  // One step of run() on one definition, for tests of what a crash leaves.
  struct Step {
    std::vector<Item> done;
    bool more = false;  // something is left that a next step would do
  };
  Result<Step> step(const arm::ResourceId& definition, Options options = {});
  // Takes the marks below the scope off and tags what had them with keep_tag; of a version or
  // definition that is named itself the tag is set in any case. What cannot be written, such as
  // what is locked, does not keep the others.
  struct Undone {
    std::vector<arm::ResourceId> kept;
    std::vector<std::pair<arm::ResourceId, Error>> left;  // marked as before, and why
  };
  Result<Undone> undo(const arm::ResourceId& scope, std::string_view by);

 private:
  struct Row {
    model::Resource gallery;
    model::Resource definition;
  };
  Result<std::vector<Row>> definitions(const model::View& view, const arm::ResourceId& scope) const;
  Result<Step> step(const Users& users, const arm::ResourceId& definition, Options options);

  model::Model& model_;
  const provider::World& world_;
};

}  // namespace pinaco::lifecycle
