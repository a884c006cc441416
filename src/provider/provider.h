// The rules of each resource type: what a request must look like, what may change, what starts.
//
// What it is: one table row per resource type (types()) and per other operation (routes()). The
// router, the providers list and docs/routes.md are made from these rows. Handlers are
// pure but for the Model: no file, no socket, no pack; slow work is left behind as an operation.
// Threads: everything from any thread. Lifetime: the rows are static; a Call lives for a request.
// Limits: those of the Model; list pages of at most page_rows rows. Errors: ARM's codes and texts
// (arm/arm.h).
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "arm/arm.h"
#include "cost/cost.h"
#include "identity/identity.h"
#include "model/model.h"

namespace pinaco::provider {

// A region of the catalogue that the configuration is. What is empty is not known, and not shown.
struct Location {
  std::string name;          // "westeurope"
  std::string display_name;  // "West Europe"
  std::vector<std::string> zones;
  bool premium = true;                 // has stores for Premium_LRS
  bool restricted = false;             // only for subscriptions that were allowed there
  std::string geography = {};          // "United States"
  std::string geography_group = {};    // "US"
  std::string physical_location = {};  // "Virginia"
  std::string paired = {};             // the name of another one
  std::string latitude = {};           // "37.3719"
  std::string longitude = {};
};

// What a machine may be. Names are the cloud's, so that scripts and templates work unchanged; what
// stands behind one is this host's.
struct MachineSize {
  std::string name;  // "Standard_B2s"
  int processors = 1;
  int memory_mib = 1024;
  int data_disks_max = 2;
  std::string generations = "V1,V2";
  std::string architecture = "x64";
  bool premium = true;  // takes Premium_LRS disks
};
std::vector<MachineSize> usual_sizes();  // when the configuration names none

// What the end of life of an image means. To the cloud it says nothing. hide: it is no latest
// version; block: nor can anything be made of it; erase ("delete"): then it goes.
enum class EndOfLife { off, warn, hide, block, erase };
std::optional<EndOfLife> parse_end_of_life(std::string_view word);

// What becomes of images by themselves. Tags of a gallery and, before those, of a definition
// override the server's setting (life_policy.cc).
struct LifePolicy {
  EndOfLife end_of_life = EndOfLife::off;
  int grace_days = 7;            // from the mark to the deletion
  bool in_use = false;           // also what machines and scale sets were made of
  int keep_newest = 0;           // versions of a definition; 0: none goes because it is old
  std::string keep_tagged = {};  // "name" or "name=value", several with commas: those stay
};
inline constexpr int grace_days_max = 3650;
inline constexpr int keep_newest_max = 10'000;
inline constexpr std::string_view keep_tag = "pinaco-keep";  // whatever the policy, that stays
Result<> check_keep_tagged(std::string_view text);

// How many a subscription may have in a region.
struct Limits {
  std::size_t galleries = 100;
  std::size_t definitions = 1000;
  std::size_t versions = 10'000;
  std::size_t machines = 1000;  // those of scale sets are not among them
  std::size_t sets = 2500;
};

// What the rules may look at besides rows.
struct World {
  std::vector<Location> locations;
  std::vector<MachineSize> sizes = usual_sizes();
  int replicas_max = 10;         // of a version in a region
  int image_disk_gb_max = 1024;  // of a disk of a version
  LifePolicy life = {};
  bool eager = false;  // deployments start where the version is not complete yet
  Limits limits;
  cost::Prices prices = {};
  std::map<std::string, Limits> own_limits = {};  // of subscriptions, by their ids in lower case
  std::size_t shared_subscriptions_max = 30;      // that a gallery is shared with
  std::size_t shared_tenants_max = 5;
  std::size_t graph_rows_max = 100'000;  // that a query of Resource Graph holds at once
  std::size_t graph_bytes_max = 64 << 20;

  const Location* find_location(std::string_view any_spelling) const;
  const MachineSize* find_size(std::string_view name) const;
  const Limits& limits_of(std::string_view subscription) const;
};

// Query parameters; names in lower case, "$expand" with its sign.
using Query = std::map<std::string, std::string>;

struct Call {
  std::string method;
  std::string path;  // decoded, as asked
  arm::ResourceId id;
  std::string api_version;
  Json body = nullptr;  // null when there is none
  Query query = {};
  std::map<std::string, std::string> parts = {};  // {x} of a Route's pattern
  identity::Caller caller = {};
  model::Model& model;
  const World& world;
  const access::Access& access;
  std::string base_url = {};  // "https://host:port", as the client used it
  // What lies above the rows that a list shows: read once for all of them.
  const model::Resource* above = nullptr;
  int deployments = 0;      // around it: 0 when a client sent it, 1 when its deployment did
  std::string deployed_by;  // then that deployment's run and which of its resources: "RUN/3"
  // The signed link of a grant (beginGetAccess), given its subscription and id.
  std::function<std::string(std::string_view subscription, std::string_view grant)> sign = {};

  // A right on a resource that the request names: the source of a version, the image of a disk.
  // An auxiliary token of the resource's tenant counts as well.
  Result<> may_link(std::string_view action, const arm::ResourceId& linked) const;
  // Whether a list shows it.
  Result<bool> may_read(const arm::ResourceId& id) const;
};

struct Outcome {
  int status = 200;
  Json body = nullptr;                             // null: no body
  int retry_after_s = 0;                           // 0: no header, but 1 beside an operation
  std::optional<model::Operation> operation = {};  // adds the headers of a long operation
  bool location_header = false;                    // and Location beside Azure-AsyncOperation
  std::string next = {};                           // a list goes on here ($skiptoken)
  std::vector<std::string> warnings = {};          // a Warning header each
  std::string deployment = {};  // the run of a deployment that began, followed below its own path
};

using Handler = Result<Outcome> (*)(const Call& call);

struct Schema;

struct Action {
  std::string_view name;   // "beginGetAccess"
  std::string_view right;  // "beginGetAccess/action"
  std::string_view since;  // api-version
  Handler handler;
};

struct Draft;

// One row: a resource type.
struct ResourceType {
  std::string_view provider;                       // "Microsoft.Compute"
  std::string_view type;                           // "galleries/images/versions"
  std::span<const std::string_view> api_versions;  // oldest first
  std::string_view patch_since;                    // PATCH exists from here on
  std::string_view label;                          // starts the paths in error messages
  std::string_view surface;                        // where its long operations are asked for
  int created_status;                              // 201, or 202 for disks
  bool output;                                     // a finished operation shows the resource
  const Schema* schema;
  Result<> (*check_name)(std::string_view name);
  // Rules across members and rows, inside the transaction of PUT and PATCH: completes the draft,
  // may start an operation.
  Result<> (*prepare)(Draft& draft);
  // Before a delete, in each of its steps: refuses, or leaves a task in the operation.
  Result<> (*removing)(const Call& call, model::Change& change, const model::Resource& resource);
  // Adds what is shown but not stored in properties.
  Result<> (*show)(const Call& call, const model::Resource& resource, JsonObject& properties);
  std::span<const Action> actions;
  bool placed = false;                // has sku and zones
  bool nested = false;                // without a location of its own in requests and answers
  bool with_children = false;         // a delete takes the resources below along
  bool preempts = false;              // a delete need not wait for what a worker does to it
  std::string_view remove_task = "";  // a worker takes it away; empty: gone with the transaction
  // In the transaction that takes the row, when no worker does: what becomes of what it was.
  Result<> (*removed)(const Call& call, model::Change& change,
                      const model::Resource& resource) = nullptr;
  // Before the transaction of a PUT: what no single shard can say, such as that a name is free on
  // the whole server. The lock is held until the row is there.
  Result<std::unique_lock<std::mutex>> (*claim)(const Call& call) = nullptr;
  // A claim whose resource was refused is given back, with the lock still held.
  void (*unclaim)(const Call& call) = nullptr;
  // Before what is said is compared with what is there: refuses a change with words of its own.
  Result<> (*changing)(const Call& call, const model::Resource& current) = nullptr;
};

// A PUT or PATCH on its way to becoming a row.
struct Draft {
  const Call& call;
  const ResourceType& type;
  model::Change& change;
  const std::optional<model::Resource>& current;
  model::Resource wanted;
  const JsonObject& envelope;  // of the body: plan, identity
  std::string task = {};       // a worker goes on with it; empty: done with the transaction
  Json input = JsonObject();   // for that worker
  std::vector<std::string> warnings = {};  // for whoever asked

  // A row that the request names, also of another subscription; the caller has asked may_link().
  Result<std::optional<model::Resource>> find_linked(const arm::ResourceId& id) const;
};

// One row: an operation that is not a tracked resource's.
struct Route {
  std::string_view method;
  std::string_view pattern;  // "/subscriptions/{subscription}/locations"; {x} is one segment
  std::span<const std::string_view> api_versions;
  // "Microsoft.Resources/subscriptions/read"; empty: any caller whose tenant has the subscription,
  // and the handler shows only what he may read.
  std::string_view right;
  std::string_view about;
  Handler handler;
};

// One row: what can be put on any scope, "<scope>/providers/Microsoft.Authorization/locks/l". The
// handlers find the scope, as normal_scope() writes it, and the name in Call::parts.
struct Extension {
  std::string_view provider;
  std::string_view type;
  std::span<const std::string_view> api_versions;  // oldest first
  bool locked;                                     // locks on the scope hold for it
  bool own_reads;                                  // the handlers decide who may read
  Handler list, get, put, remove;                  // nullptr: there is none
  Handler patch = nullptr;
};

std::span<const ResourceType> types();
std::span<const Route> routes();
std::span<const Extension> extensions();
std::span<const std::string_view> namespaces();  // resource providers with at least one type
const ResourceType* find_type(std::string_view provider, std::string_view type);

// The handlers that every resource type shares.
Result<Outcome> put_resource(const ResourceType& type, const Call& call);
Result<Outcome> patch_resource(const ResourceType& type, const Call& call);
Result<Outcome> get_resource(const ResourceType& type, const Call& call);
Result<Outcome> delete_resource(const ResourceType& type, const Call& call);
Result<Outcome> list_resources(const ResourceType& type, const Call& call);

// A scope in the spelling of rows: "/", a management group, or an id below a subscription of the
// caller's tenant. Not whether it is there.
Result<std::string> normal_scope(const Call& call, std::string_view text);

// What became of a request, for the activity log of the subscription or tenant it was about.
struct Event {
  std::string correlation;  // its x-ms-correlation-request-id
  int status = 0;
  std::string_view answer = {};  // the body of the reply
};
// Remembers a write, a delete or an action of a known caller, also a refused one; of a read, or of
// what is about another tenant, nothing. Never bodies or tokens; of a share with whom it was, of a
// role assignment the role and the principal.
Result<> record_activity(const Call& call, const Event& event);

// A resource as this api-version shows it.
Result<Json> show(const ResourceType& type, const Call& call, const model::Resource& resource);

// Of a content (sources.h): a worker has yet to store what a machine wrote, and the bytes that it
// names now are older; or what a blob holds, and it names none yet.
bool awaits_capture(const Json& content);

// A group that is being deleted lends nothing any more.
Result<> check_group_stays(const model::View& view, const arm::ResourceId& id);

// How a subscription stands to a restricted region. A fact in its own shard: a write sees it in its
// own transaction.
struct RegionUse {
  std::string region;
  std::string state;        // "Requested", "Allowed", "Denied"
  std::string reason = {};  // in the words of who asked
  std::string by = {};      // who made it so
  WallTime since = {};
};
inline constexpr std::size_t region_reason_bytes_max = 256;
// Those of the view's subscription, by region.
Result<std::vector<RegionUse>> region_uses(const model::View& view);
Result<> put_region_use(model::Change& change, const RegionUse& use);
// Whether the view's subscription may have resources there.
Result<bool> may_use(const model::View& view, const Location& location);
// Refuses a region that is not in the catalogue, or not for the view's subscription. `what` is
// "resource group", "deployment" or "resource type 'Microsoft.Compute/galleries'".
Result<> check_region(const World& world, const model::View& view, std::string_view asked,
                      std::string_view code, std::string_view what, std::string target = {});

// The policy for what is below a gallery and a definition, from their tags.
LifePolicy policy_of(const World& world, const Json& gallery_tags, const Json& definition_tags);
// When it is over, and it is: the date; else empty.
std::string_view ended_on(const Json& properties, std::string_view path, WallTime now);
// A version or definition that is to go (lifecycle/lifecycle.h): {"since","goes","why"}.
inline constexpr std::string_view mark_path = "going";
bool is_marked(const model::Resource& row);

// A gallery with soft delete: its versions that go can be restored for a while.
inline constexpr std::size_t recycled_max = 400;  // of a definition
bool keeps_deleted(const model::Resource& gallery);
// The fact from which a version can be restored, before its row goes.
Result<> recycle(model::Change& change, const model::Resource& gallery,
                 const model::Resource& version);
// Until when what is deleted now can be restored.
WallTime recycled_until(const model::Resource& gallery, WallTime now);
// A gallery that is shared is not deleted before that is reset: why, or empty.
std::string shared_with_whom(const model::Resource& gallery);
// A version that must not be deleted before its end of life, by safetyProfile, and that is not
// over: why, or empty.
std::string blocked_until_its_end(const model::Resource& version, WallTime now);

// What the server does by itself, in the activity log of the subscription: in the same transaction.
Result<> record_deed(model::Change& change, std::string_view operation, std::string_view resource,
                     JsonObject details);

// Tells a resource from a later one of the same name: for links and exports, which open the one
// they were made for.
std::string identity_of(const model::Resource& resource);

// The version a gallery image reference means for a deployment in a region: an exact version, or
// the latest of a definition. An eager one need not be complete there.
Result<model::Resource> resolve_image(const Call& call, const model::View& view,
                                      const arm::ResourceId& reference, std::string_view location,
                                      bool eager);
// The same for an image of another subscription that is shared with that of the Call's id:
// "/SharedGalleries/{unique name}/Images/{image}/Versions/{version}", with the subscription or its
// tenant, or "/CommunityGalleries/{public name}/…", with everybody. The sharing is the right: the
// caller needs none on the gallery. What is not shared is answered as what is not there.
Result<model::Resource> resolve_shared(const Call& call, std::string_view reference,
                                       std::string_view location, bool eager);

}  // namespace pinaco::provider
