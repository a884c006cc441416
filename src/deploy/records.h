// Deployments as they are remembered. Inside this room only.
//
// Facts of the shard of the scope, so that they go with it (model::attached_prefix):
//
//   <prefix>deployment/<name>               the record: what a GET shows, and the id of its run
//   <prefix>deployment-part/<name>/text/<n> the template, in pieces, as a value has at most 1 MiB
//   <prefix>deployment-part/<name>/steps    how far each resource is
//   deploying/<run>                         a run that has not ended: its scope, name and tenant
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
  Json given = JsonObject();       // as evaluated, secure ones too: only until it has ended
  Json link = nullptr;             // templateLink
  std::string hash;                // of the template
  Json providers = JsonArray();
  Json dependencies = JsonArray();
  Json outputs = nullptr;
  Json output_resources = JsonArray();
  Json error = nullptr;  // {"code", "message", "target", "details"}
  identity::Caller caller = {};
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
Json to_json(const std::vector<Step>& steps);
std::vector<Step> steps_from(const Json& json, std::size_t count);

// Reading and writing, inside a transaction of the scope's shard.
struct Place {
  std::string shard;
  std::string prefix;                              // of all deployments of the scope
  std::string fact(std::string_view name) const;   // the record
  std::string parts(std::string_view name) const;  // what the names of its other facts start with
};
Place place_of(std::string_view tenant, std::string_view scope);
Result<std::optional<Record>> find_record(const model::View& view, const Place& place,
                                          std::string_view name);
Result<> put_record(model::Change& change, const Place& place, const Record& record);
Result<Json> find_template(const model::View& view, const Place& place, std::string_view name);
Result<> put_template(model::Change& change, const Place& place, std::string_view name,
                      const Json& text);
Result<std::vector<Step>> find_steps(const model::View& view, const Place& place,
                                     std::string_view name, std::size_t count);
Result<> put_steps(model::Change& change, const Place& place, std::string_view name,
                   const std::vector<Step>& steps);
Result<> erase_record(model::Change& change, const Place& place, std::string_view name);
// All of a scope, the newest first.
Result<std::vector<Record>> list_records(const model::View& view, const Place& place);

}  // namespace pinaco::deploy
