#include "deploy/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::deploy {
namespace {

constexpr std::size_t piece_bytes = 400 << 10;  // escaped, it may double
constexpr std::string_view state_names[] = {"Accepted", "Running", "Succeeded", "Failed",
                                            "Canceled"};
constexpr std::string_view progress_names[] = {"waiting", "sending", "following", "done",
                                               "failed",  "skipped", "blocked"};

template <typename Enum, std::size_t count>
Enum named(const std::string_view (&names)[count], std::string_view name) {
  const auto* found = std::ranges::find(names, name);
  return static_cast<Enum>(found == std::end(names) ? 0 : found - names);
}

std::int64_t micros(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_micros(std::int64_t count) {
  return WallTime(std::chrono::microseconds(count));
}

std::string text_at(const Json& json, std::string_view path) {
  return std::string(string_at(json, path));
}
Json json_at(const Json& json, std::string_view path, Json otherwise) {
  const Json* found = find_path(json, path);
  return found != nullptr ? *found : std::move(otherwise);
}

JsonObject caller_json(const identity::Caller& caller) {
  JsonArray groups, auxiliary;
  for (const auto& each : caller.groups) groups.emplace_back(each);
  for (const auto& each : caller.auxiliary) auxiliary.push_back(caller_json(each));
  return {{"tenant", caller.tenant},     {"object", caller.object_id},
          {"client", caller.client_id},  {"name", caller.name},
          {"user", caller.is_user},      {"peer", caller.peer},
          {"groups", std::move(groups)}, {"auxiliary", std::move(auxiliary)}};
}

identity::Caller caller_from(const Json& json) {
  identity::Caller caller;
  caller.tenant = text_at(json, "tenant");
  caller.object_id = text_at(json, "object");
  caller.client_id = text_at(json, "client");
  caller.name = text_at(json, "name");
  caller.is_user = bool_at(json, "user");
  caller.peer = text_at(json, "peer");
  if (const Json* groups = find_path(json, "groups"); groups != nullptr && groups->is_array()) {
    for (const auto& each : groups->get_array()) {
      caller.groups.emplace_back(each.is_string() ? std::string_view(each.get_string()) : "");
    }
  }
  if (const Json* others = find_path(json, "auxiliary"); others != nullptr && others->is_array()) {
    for (const auto& each : others->get_array()) caller.auxiliary.push_back(caller_from(each));
  }
  return caller;
}

}  // namespace

std::string_view to_string(State state) {
  return state_names[static_cast<std::size_t>(state)];
}

bool has_ended(State state) {
  return state != State::accepted && state != State::running;
}

std::string Record::id() const {
  return fmt::format("{}/providers/Microsoft.Resources/deployments/{}", scope == "/" ? "" : scope,
                     name);
}

Json to_json(const Record& record) {
  return JsonObject{{"name", record.name},
                    {"scope", record.scope},
                    {"tenant", record.tenant},
                    {"location", record.location},
                    {"run", record.run},
                    {"correlation", record.correlation},
                    {"version", record.api_version},
                    {"base", record.base_url},
                    {"state", to_string(record.state)},
                    {"complete", record.complete},
                    {"tags", record.tags},
                    {"parameters", record.parameters},
                    {"link", record.link},
                    {"parametersLink", record.parameters_link},
                    {"hash", record.hash},
                    {"providers", record.providers},
                    {"dependencies", record.dependencies},
                    {"outputs", record.outputs},
                    {"resources", record.output_resources},
                    {"error", record.error},
                    {"caller", caller_json(record.caller)},
                    {"depth", record.depth},
                    {"parent", record.parent},
                    {"start", micros(record.start)},
                    {"end", micros(record.end)},
                    {"chance", static_cast<std::int64_t>(record.chance)}};
}

Result<Record> record_from(const Json& json) {
  Record record;
  record.name = text_at(json, "name");
  record.scope = text_at(json, "scope");
  if (record.name.empty() || record.scope.empty()) {
    return fail(Kind::corrupt, "A deployment's row has no name or scope.");
  }
  record.tenant = text_at(json, "tenant");
  record.location = text_at(json, "location");
  record.run = text_at(json, "run");
  record.correlation = text_at(json, "correlation");
  record.api_version = text_at(json, "version");
  record.base_url = text_at(json, "base");
  record.state = named<State>(state_names, string_at(json, "state"));
  record.complete = bool_at(json, "complete");
  record.tags = json_at(json, "tags", JsonObject());
  record.parameters = json_at(json, "parameters", JsonObject());
  record.link = json_at(json, "link", nullptr);
  record.parameters_link = json_at(json, "parametersLink", nullptr);
  record.hash = text_at(json, "hash");
  record.providers = json_at(json, "providers", JsonArray());
  record.dependencies = json_at(json, "dependencies", JsonArray());
  record.outputs = json_at(json, "outputs", nullptr);
  record.output_resources = json_at(json, "resources", JsonArray());
  record.error = json_at(json, "error", nullptr);
  record.caller = caller_from(json_at(json, "caller", JsonObject()));
  record.depth = static_cast<int>(int_at(json, "depth"));
  record.parent = text_at(json, "parent");
  record.start = from_micros(int_at(json, "start"));
  record.end = from_micros(int_at(json, "end"));
  record.chance = static_cast<std::uint64_t>(int_at(json, "chance"));
  return record;
}

namespace {

Json step_json(const Step& step) {
  return JsonObject{{"id", step.id},
                    {"type", step.type},
                    {"name", step.name},
                    {"existing", step.existing},
                    {"progress", progress_names[static_cast<std::size_t>(step.progress)]},
                    {"subscription", step.subscription},
                    {"operation", step.operation},
                    {"error", step.error},
                    {"start", micros(step.start)},
                    {"end", micros(step.end)},
                    {"status", step.status}};
}

Step step_from(const Json& row) {
  return {.id = text_at(row, "id"),
          .type = text_at(row, "type"),
          .name = text_at(row, "name"),
          .existing = bool_at(row, "existing"),
          .progress = named<Progress>(progress_names, string_at(row, "progress")),
          .subscription = text_at(row, "subscription"),
          .operation = text_at(row, "operation"),
          .error = json_at(row, "error", nullptr),
          .start = from_micros(int_at(row, "start")),
          .end = from_micros(int_at(row, "end")),
          .status = static_cast<int>(int_at(row, "status"))};
}

Json listed_json(const Listed& listed) {
  return JsonObject{{"name", listed.name},
                    {"run", listed.run},
                    {"location", listed.location},
                    {"parent", listed.parent},
                    {"state", to_string(listed.state)},
                    {"cancel", listed.cancel},
                    {"start", micros(listed.start)}};
}

Listed listed_from(const Json& json) {
  return {.name = text_at(json, "name"),
          .run = text_at(json, "run"),
          .location = text_at(json, "location"),
          .parent = text_at(json, "parent"),
          .state = named<State>(state_names, string_at(json, "state")),
          .cancel = bool_at(json, "cancel"),
          .start = from_micros(int_at(json, "start"))};
}

Result<> erase_long(model::Change& change, const std::string& prefix) {
  for (const auto& [key, piece] : TRY(change.facts(prefix))) TRY(change.erase_fact(key));
  return {};
}

Result<> put_long(model::Change& change, const std::string& prefix, const Json& json) {
  TRY(erase_long(change, prefix));
  const auto text = to_text(json);
  // What could not be read back must not get in.
  if (const auto read = parse_json(text); !read) {
    return fail(Kind::invalid,
                fmt::format("A part of the deployment cannot be kept: {}.", read.error().message));
  }
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto piece = cut_text(rest, piece_bytes);  // whole characters
    rest.remove_prefix(piece.size());
    TRY(change.put_fact(fmt::format("{}{:03}", prefix, number++), Json(piece)));
  }
  return {};
}

Result<Json> find_long(const model::View& view, const std::string& prefix) {
  std::string text;
  for (const auto& [key, piece] : TRY(view.facts(prefix))) text += piece.get_string();
  if (text.empty()) return Json(nullptr);
  return parse_json(text);
}

std::string part_of(const Place& place, std::string_view name, Part part) {
  constexpr std::string_view names[] = {"given/", "link/", "text/"};
  return fmt::format("{}{}", place.parts(name), names[static_cast<std::size_t>(part)]);
}

}  // namespace

std::string Place::fact(std::string_view name) const {
  return fmt::format("{}deployment/{}", prefix, to_lower(name));
}
std::string Place::parts(std::string_view name) const {
  return fmt::format("{}deployment-part/{}/", prefix, to_lower(name));
}

std::string pending_fact(std::string_view run) {
  return std::string(pending_prefix) + std::string(run);
}

Place place_of(std::string_view tenant, std::string_view scope) {
  return {.shard = access::shard_of(scope),
          .prefix = model::attached_prefix(access::scope_key(tenant, scope))};
}

std::pair<Place, std::string> place_of_id(std::string_view tenant, std::string_view id) {
  const auto at = id.rfind("/providers/");
  return {place_of(tenant, at == 0 ? std::string_view("/") : id.substr(0, at)),
          std::string(id.substr(id.rfind('/') + 1))};
}

Result<std::optional<Listed>> find_listed(const model::View& view, const Place& place,
                                          std::string_view name) {
  const auto fact = TRY(view.find_fact(place.fact(name)));
  if (!fact) return std::optional<Listed>();
  return std::optional<Listed>(listed_from(*fact));
}

Result<std::vector<Listed>> list_records(const model::View& view, const Place& place) {
  std::vector<Listed> all;
  for (const auto& [name, json] : TRY(view.facts(place.prefix + "deployment/"))) {
    all.push_back(listed_from(json));
  }
  std::ranges::sort(all, std::ranges::greater(), &Listed::start);
  return all;
}

Result<std::optional<Record>> find_record(const model::View& view, const Place& place,
                                          std::string_view name) {
  const auto listed = TRY(find_listed(view, place, name));
  if (!listed) return std::optional<Record>();
  auto record = TRY(record_from(TRY(find_long(view, place.parts(name) + "record/"))));
  record.cancel = listed->cancel;
  return std::optional<Record>(std::move(record));
}

Result<> put_record(model::Change& change, const Place& place, const Record& record) {
  TRY(put_long(change, place.parts(record.name) + "record/", to_json(record)));
  return change.put_fact(place.fact(record.name), listed_json({.name = record.name,
                                                               .run = record.run,
                                                               .location = record.location,
                                                               .parent = record.parent,
                                                               .state = record.state,
                                                               .cancel = record.cancel,
                                                               .start = record.start}));
}

Result<> put_cancel(model::Change& change, const Place& place, Listed listed) {
  listed.cancel = true;
  return change.put_fact(place.fact(listed.name), listed_json(listed));
}

Result<Json> find_part(const model::View& view, const Place& place, std::string_view name,
                       Part part) {
  return find_long(view, part_of(place, name, part));
}

Result<> put_part(model::Change& change, const Place& place, std::string_view name, Part part,
                  const Json& json) {
  return put_long(change, part_of(place, name, part), json);
}

Result<> erase_given(model::Change& change, const Place& place, std::string_view name) {
  TRY(erase_long(change, part_of(place, name, Part::link)));
  return erase_long(change, part_of(place, name, Part::given));
}

Result<std::vector<Step>> find_steps(const model::View& view, const Place& place,
                                     std::string_view name) {
  std::vector<Step> steps;
  const auto json = TRY(find_long(view, place.parts(name) + "steps/"));
  if (!json.is_array()) return steps;
  for (const auto& row : json.get_array()) steps.push_back(step_from(row));
  return steps;
}

Result<> put_steps(model::Change& change, const Place& place, std::string_view name,
                   const std::vector<Step>& steps) {
  JsonArray rows;
  for (const auto& step : steps) rows.push_back(step_json(step));
  return put_long(change, place.parts(name) + "steps/", rows);
}

Result<> erase_record(model::Change& change, const Place& place, std::string_view name) {
  TRY(erase_long(change, place.parts(name)));
  return change.erase_fact(place.fact(name));
}

}  // namespace pinaco::deploy
