#include "deploy/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::deploy {
namespace {

constexpr std::size_t piece_bytes = 700 << 10;
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
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}
WallTime from_micros(std::int64_t count) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(count)));
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
                    {"cancel", record.cancel},
                    {"tags", record.tags},
                    {"parameters", record.parameters},
                    {"given", record.given},
                    {"link", record.link},
                    {"hash", record.hash},
                    {"providers", record.providers},
                    {"dependencies", record.dependencies},
                    {"outputs", record.outputs},
                    {"resources", record.output_resources},
                    {"error", record.error},
                    {"caller", caller_json(record.caller)},
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
  record.cancel = bool_at(json, "cancel");
  record.tags = json_at(json, "tags", JsonObject());
  record.parameters = json_at(json, "parameters", JsonObject());
  record.given = json_at(json, "given", JsonObject());
  record.link = json_at(json, "link", nullptr);
  record.hash = text_at(json, "hash");
  record.providers = json_at(json, "providers", JsonArray());
  record.dependencies = json_at(json, "dependencies", JsonArray());
  record.outputs = json_at(json, "outputs", nullptr);
  record.output_resources = json_at(json, "resources", JsonArray());
  record.error = json_at(json, "error", nullptr);
  record.caller = caller_from(json_at(json, "caller", JsonObject()));
  record.start = from_micros(int_at(json, "start"));
  record.end = from_micros(int_at(json, "end"));
  record.chance = static_cast<std::uint64_t>(int_at(json, "chance"));
  return record;
}

Json to_json(const std::vector<Step>& steps) {
  JsonArray rows;
  for (const auto& step : steps) {
    rows.push_back(JsonObject{{"progress", progress_names[static_cast<std::size_t>(step.progress)]},
                              {"subscription", step.subscription},
                              {"operation", step.operation},
                              {"error", step.error},
                              {"start", micros(step.start)},
                              {"end", micros(step.end)},
                              {"status", step.status}});
  }
  return rows;
}

std::vector<Step> steps_from(const Json& json, std::size_t count) {
  std::vector<Step> steps(count);
  if (!json.is_array()) return steps;
  for (std::size_t i = 0; i < std::min(count, json.get_array().size()); ++i) {
    const auto& row = json.get_array()[i];
    steps[i] = {.progress = named<Progress>(progress_names, string_at(row, "progress")),
                .subscription = text_at(row, "subscription"),
                .operation = text_at(row, "operation"),
                .error = json_at(row, "error", nullptr),
                .start = from_micros(int_at(row, "start")),
                .end = from_micros(int_at(row, "end")),
                .status = static_cast<int>(int_at(row, "status"))};
  }
  return steps;
}

std::string Place::fact(std::string_view name) const {
  return fmt::format("{}deployment/{}", prefix, to_lower(name));
}
std::string Place::parts(std::string_view name) const {
  return fmt::format("{}deployment-part/{}/", prefix, to_lower(name));
}

Place place_of(std::string_view tenant, std::string_view scope) {
  return {.shard = access::shard_of(scope),
          .prefix = model::attached_prefix(access::scope_key(tenant, scope))};
}

Result<std::optional<Record>> find_record(const model::View& view, const Place& place,
                                          std::string_view name) {
  const auto fact = TRY(view.find_fact(place.fact(name)));
  if (!fact) return std::optional<Record>();
  return std::optional<Record>(TRY(record_from(*fact)));
}

Result<> put_record(model::Change& change, const Place& place, const Record& record) {
  return change.put_fact(place.fact(record.name), to_json(record));
}

Result<Json> find_template(const model::View& view, const Place& place, std::string_view name) {
  std::string text;
  for (const auto& [key, piece] : TRY(view.facts(place.parts(name) + "text/"))) {
    text += piece.get_string();
  }
  return parse_json(text);
}

Result<> put_template(model::Change& change, const Place& place, std::string_view name,
                      const Json& json) {
  const auto prefix = place.parts(name) + "text/";
  for (const auto& [key, piece] : TRY(change.facts(prefix))) TRY(change.erase_fact(key));
  const auto text = to_text(json);
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto piece = cut_text(rest, piece_bytes);  // whole characters
    rest.remove_prefix(piece.size());
    TRY(change.put_fact(fmt::format("{}{:03}", prefix, number++), Json(piece)));
  }
  return {};
}

Result<std::vector<Step>> find_steps(const model::View& view, const Place& place,
                                     std::string_view name, std::size_t count) {
  const auto fact = TRY(view.find_fact(place.parts(name) + "steps"));
  return steps_from(fact ? *fact : Json(nullptr), count);
}

Result<> put_steps(model::Change& change, const Place& place, std::string_view name,
                   const std::vector<Step>& steps) {
  return change.put_fact(place.parts(name) + "steps", to_json(steps));
}

Result<> erase_record(model::Change& change, const Place& place, std::string_view name) {
  for (const auto& [key, piece] : TRY(change.facts(place.parts(name)))) {
    TRY(change.erase_fact(key));
  }
  return change.erase_fact(place.fact(name));
}

Result<std::vector<Record>> list_records(const model::View& view, const Place& place) {
  std::vector<Record> records;
  for (const auto& [name, json] : TRY(view.facts(place.prefix + "deployment/"))) {
    records.push_back(TRY(record_from(json)));
  }
  std::ranges::stable_sort(records,
                           [](const Record& a, const Record& b) { return a.start > b.start; });
  return records;
}

}  // namespace pinaco::deploy
