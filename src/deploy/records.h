// Deployments as they are remembered. Inside this room only.
//
// Facts of the shard of the scope, so that they go with it (model::attached_prefix):
//
//   <prefix>deployment/<name>                 what lists and races need: the run, its state
//   <prefix>deployment-part/<name>/record/<n> the record: what a GET shows
//   <prefix>deployment-part/<name>/given/<n>  parameters with secrets, until it has ended
//   <prefix>deployment-part/<name>/link/<n>   where it came from, with what signs it; as long
//   <prefix>deployment-part/<name>/text/<n>   the template
//   <prefix>deployment-part/<name>/steps/<n>  how far each resource is
//   deploying/<run>                           one that has not ended: its scope, name and tenant
//
// What may be long is in pieces, as a value has at most 1 MiB.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "provider/provider.h"

namespace pinaco::deploy {

enum class State { accepted, running, succeeded, failed, canceled };
std::string_view to_string(State state);  // "Accepted", …
bool has_ended(State state);

struct Record {
  std::string name;
  std::string scope;  // "/subscriptions/s/resourceGroups/g"; "/" is the tenant's
  std::string tenant;
  std::string location;  // empty in resource groups
  std::string run;       // a GUID, new with each PUT
  std::string correlation;
  std::string api_version;
  std::string base_url;
  State state = State::accepted;
  bool complete = false;  // mode Complete
  bool cancel = false;    // somebody asked for it
  Json tags = JsonObject();
  Json parameters = JsonObject();  // as shown: without secure values
  Json link = nullptr;             // templateLink, as shown
  Json parameters_link = nullptr;  // parametersLink, as shown
  std::string hash;                // of the template
  Json providers = JsonArray();
  Json dependencies = JsonArray();
  Json outputs = nullptr;
  Json output_resources = JsonArray();
  Json error = nullptr;  // {"code", "message", "target", "details"}
  identity::Caller caller = {};
  int depth = 0;       // of deployments around it
  std::string parent;  // the run of the one around it, and which of its resources: "RUN/3"
  WallTime start = {};
  WallTime end = {};
  std::uint64_t chance = 0;

  // "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deployments/d"
  std::string id() const;
};

// How far a resource is.
// skipped: its condition is false; blocked: something it waits for has failed.
enum class Progress { waiting, sending, following, done, failed, skipped, blocked };
struct Step {
  std::string id, type, name;  // of the resource
  bool existing = false;       // only looked at
  Progress progress = Progress::waiting;
  std::string subscription;  // of the operation that is followed; of a nested deployment the tenant
  std::string operation;     // or its run
  Json error = nullptr;
  WallTime start = {};
  WallTime end = {};
  int status = 0;
};

Json to_json(const Record& record);
Result<Record> record_from(const Json& json);

// Reading and writing, inside a transaction of the scope's shard.
struct Place {
  std::string shard;
  std::string prefix;                              // of all deployments of the scope
  std::string fact(std::string_view name) const;   // what lists need
  std::string parts(std::string_view name) const;  // what the names of its other facts start with
};
Place place_of(std::string_view tenant, std::string_view scope);
// Of "<scope>/providers/Microsoft.Resources/deployments/<name>", with the name.
std::pair<Place, std::string> place_of_id(std::string_view tenant, std::string_view id);

inline constexpr std::string_view pending_prefix = "deploying/";
std::string pending_fact(std::string_view run);

// What lists need.
struct Listed {
  std::string name;
  std::string run;
  std::string location;
  std::string parent;
  State state = State::accepted;
  bool cancel = false;
  WallTime start = {};
};
Result<std::optional<Listed>> find_listed(const model::View& view, const Place& place,
                                          std::string_view name);
// All of a scope, the newest first.
Result<std::vector<Listed>> list_records(const model::View& view, const Place& place);

Result<std::optional<Record>> find_record(const model::View& view, const Place& place,
                                          std::string_view name);
Result<> put_record(model::Change& change, const Place& place, const Record& record);
// Asks for its end.
Result<> put_cancel(model::Change& change, const Place& place, Listed listed);
enum class Part { given, link, text };
Result<Json> find_part(const model::View& view, const Place& place, std::string_view name,
                       Part part);
Result<> put_part(model::Change& change, const Place& place, std::string_view name, Part part,
                  const Json& json);
// With the link: what is secret.
Result<> erase_given(model::Change& change, const Place& place, std::string_view name);
Result<std::vector<Step>> find_steps(const model::View& view, const Place& place,
                                     std::string_view name);
Result<> put_steps(model::Change& change, const Place& place, std::string_view name,
                   const std::vector<Step>& steps);
Result<> erase_record(model::Change& change, const Place& place, std::string_view name);

}  // namespace pinaco::deploy
