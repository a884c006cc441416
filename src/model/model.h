// The model: the shape of what is remembered, as rows on Kv. A subscription is a shard; what
// belongs to none (tenants, subscriptions, principals) is in the shard "".
//
// Threads: all calls from any thread. Lifetime: the Kv, Clock and Random outlive it. Limits: those
// of Kv; a list page is at most page_rows_max rows. Errors: those of Kv, and what the caller's
// function returned.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "arm/arm.h"
#include "base/clock.h"
#include "base/json.h"
#include "kv/kv.h"
#include "model/machines.h"  // where machines are
#include "model/subnets.h"   // private addresses

namespace pinaco::model {

inline constexpr std::size_t page_rows_max = 1000;
// Facts under it say who there is and what they may do: see Model::access_version().
inline constexpr std::string_view access_facts = "access/";
// What the names of facts about a scope and all below it start with; they go when it is erased.
std::string rules_prefix(std::string_view scope_key);
inline constexpr std::string_view lock_mark = "/#lock/";  // in the names of those that are locks
// The same for facts of any other kind that go with a scope.
std::string attached_prefix(std::string_view scope_key);

// A resource as remembered: a superset of what any api-version shows.
struct Resource {
  arm::ResourceId id;  // casing of its creation
  std::string location;
  Json tags = JsonObject();
  Json sku = nullptr;  // null where the type has none
  Json zones = nullptr;
  Json properties = JsonObject();  // what clients set, and what they may see
  Json internal = JsonObject();    // never shown: contents, grants, progress
  std::string provisioning = "Succeeded";
  std::string operation = {};  // the one that works on it now
  WallTime created = {};
};

enum class OperationState { in_progress, succeeded, failed };
std::string_view to_string(OperationState state);  // "InProgress", "Succeeded", "Failed"

// A long operation. Those in progress are found again after a crash and run to their end.
struct Operation {
  std::string id;  // a GUID
  arm::ResourceId resource;
  std::string task;     // which worker advances it; empty when it ended in its own transaction
  std::string surface;  // "capsOperations", "DiskOperations", "operationresults"
  std::string location;
  OperationState state = OperationState::in_progress;
  WallTime start = {};
  WallTime end = {};
  std::string error_code;
  std::string error_message;
  std::string error_target;
  Json input = JsonObject();  // for the task
  Json output = nullptr;      // shown as properties.output
  int attempts = 0;
};

struct Page {
  std::vector<Resource> rows;
  std::string next;  // where the next page starts; empty on the last
};

// How many resources there are of a type in a location, by the key of the row that says so.
using Counts = std::map<std::string, std::size_t>;

// What one transaction, or one consistent view, can read of a subscription.
class View {
 public:
  explicit View(kv::Reader& reader, std::string subscription)
      : reader_(reader), subscription_(std::move(subscription)) {}
  Result<std::optional<Resource>> find(const arm::ResourceId& id) const;
  Result<Resource> get(const arm::ResourceId& id) const;  // ResourceNotFound
  // The resources of a collection (id.is_collection()): of its parent, of a group, or, with an
  // empty group, of the subscription. Groups are the collection of the type
  // Microsoft.Resources/resourceGroups.
  Result<Page> list(const arm::ResourceId& collection, std::string_view from,
                    std::size_t rows_max) const;
  Result<std::vector<Resource>> list_all(const arm::ResourceId& collection) const;
  // The same from the end, until `take` returns false: of a definition, from its highest version
  // down.
  Result<> from_last(const arm::ResourceId& collection,
                     const std::function<Result<bool>(Resource)>& take) const;
  // How many resources of a type of Microsoft.Compute ("galleries/images") are in a location, of
  // galleries and what is below them, machines (those of a scale set count with it) and scale
  // sets. Change::put and Change::erase keep these counts.
  Result<std::size_t> count(std::string_view type, std::string_view location) const;
  // All counts as they are kept, and as all rows say it: the same, always.
  Result<Counts> counts() const;
  Result<Counts> recount() const;
  // The resources of all types in a group, or, with an empty one, of the subscription; the groups
  // themselves are not among them.
  Result<std::vector<Resource>> list_group(std::string_view group) const;
  Result<std::optional<Operation>> find_operation(std::string_view id) const;
  Result<std::vector<std::string>> pending_operations() const;
  // Small facts under a name of the caller's choosing.
  Result<std::optional<Json>> find_fact(std::string_view name) const;
  Result<std::vector<std::pair<std::string, Json>>> facts(std::string_view prefix) const;
  // begin <= name < end, the first of them.
  Result<std::vector<std::pair<std::string, Json>>> facts_between(std::string_view begin,
                                                                  std::string_view end,
                                                                  std::size_t rows_max) const;
  const std::string& subscription() const { return subscription_; }

 protected:
  kv::Reader& reader_;
  std::string subscription_;
};

class Change;

// Who keeps rows of its own about resources of a type, in the transactions that change those: a
// bill. Whatever makes, changes or deletes one does so by Change, and so nobody can forget to tell.
struct Follower {
  std::string_view type;   // "Microsoft.Compute/galleries/images/versions"
  std::string_view facts;  // and facts whose names start so: "recycled/"
  // At the end of a transaction that wrote some of them, with their keys (ResourceId::key()) and
  // names: what they are then counts, and not how they came to be so. Its own writes go on top of
  // those of the transaction: a few a key.
  Result<> (*settle)(Change& change, const std::set<std::string>& touched);
};

class Change : public View {
 public:
  Change(kv::Transaction& transaction, std::string subscription, Clock& clock, Random& random,
         const std::vector<Follower>& followers)
      : View(transaction, std::move(subscription)),
        transaction_(transaction),
        clock_(clock),
        random_(random),
        followers_(followers),
        touched_(followers.size()) {}
  Result<> put(const Resource& resource);
  Result<> erase(const arm::ResourceId& id);
  // Fills id and start; one that already ended gets its end.
  Result<Operation> start(Operation operation);
  // One that ended without an end gets it.
  Result<> put_operation(const Operation& operation);
  // Forgets the oldest of those that ended before; at most 400 a transaction. How many went.
  Result<std::size_t> prune_operations(WallTime before, std::size_t operations_max);
  Result<> put_fact(std::string_view name, const Json& value);
  Result<> erase_fact(std::string_view name);
  WallTime now() const { return clock_.now(); }
  Random& random() { return random_; }
  bool touched_access() const { return touched_access_; }
  Result<> settle();  // the followers, once all is written

 private:
  void touch(std::string_view type, const std::string& key);
  void touch_fact(std::string_view name);

  bool touched_access_ = false;
  kv::Transaction& transaction_;
  Clock& clock_;
  Random& random_;
  const std::vector<Follower>& followers_;
  std::vector<std::set<std::string>> touched_;  // beside followers_
};

class Model {
 public:
  Model(kv::Kv& kv, Clock& clock, Random& random) : kv_(kv), clock_(clock), random_(random) {}

  // After the start, before anything else.
  void follow(Follower follower) { followers_.push_back(follower); }

  // One transaction; the function may be called again and must have no other effect.
  Result<> change(const std::string& subscription,
                  const std::function<Result<>(Change&)>& function);
  Result<> read(const std::string& subscription,
                const std::function<Result<>(const View&)>& function) const;

  Result<std::optional<Resource>> find(const arm::ResourceId& id) const;
  Result<Resource> get(const arm::ResourceId& id) const;
  Result<std::vector<std::string>> shards() const;  // without ""

  // After the start, before anything else: rows that an older version wrote.
  Result<> bring_up_to_date();

  // Counts the commits of this Model that changed facts under access_facts: who keeps those in
  // memory reads them again when it has moved, and so sees a change before its caller is answered.
  std::uint64_t access_version() const { return access_version_.load(); }

  // Subscriptions are separate shards, so no transaction spans two. Who takes contents over from a
  // row of another subscription holds this shared from the read to the commit; who asks what all
  // rows keep holds it alone, and so never meets contents that are on their way. Before a
  // transaction begins, never inside one.
  std::shared_mutex& crossing() const { return crossing_; }

  Clock& clock() const { return clock_; }
  Random& random() const { return random_; }
  kv::Kv& kv() const { return kv_; }

 private:
  kv::Kv& kv_;
  Clock& clock_;
  Random& random_;
  std::vector<Follower> followers_;
  std::atomic<std::uint64_t> access_version_ = 1;
  mutable std::shared_mutex crossing_;
};

// Rows as text, for those who keep their own.
Json to_json(const Resource& resource);
Result<Resource> resource_from(const Json& json);
Json to_json(const Operation& operation);
Result<Operation> operation_from(const Json& json);

}  // namespace pinaco::model
