// What is asked of deployments, and its answers.
#include "deploy/deploy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "deploy/paths.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

constexpr std::string_view versions[] = {
    "2014-04-01", "2015-11-01", "2016-02-01", "2016-06-01", "2016-07-01", "2016-09-01",
    "2017-05-10", "2018-02-01", "2018-05-01", "2019-03-01", "2019-05-01", "2019-05-10",
    "2019-07-01", "2019-08-01", "2019-10-01", "2020-06-01", "2020-08-01", "2020-10-01",
    "2021-01-01", "2021-04-01", "2022-09-01", "2023-07-01", "2024-03-01", "2024-07-01",
    "2024-11-01", "2025-03-01", "2025-04-01"};
constexpr std::size_t page_rows = 100;

using provider::Call;
using provider::Outcome;

// One that is there, as the caller's tenant has it.
struct Found {
  Place place;
  Record record;
};

Result<Found> find(const Engine& engine, const Call& call, const Asked& asked) {
  const auto scope = TRY(provider::normal_scope(call, asked.scope));
  auto place = place_of(call.caller.tenant, scope);
  std::optional<Record> record;
  TRY(engine.model().read(place.shard, [&](const model::View& view) -> Result<> {
    record = TRY(find_record(view, place, asked.name));
    return {};
  }));
  if (record) return Found{std::move(place), std::move(*record)};
  return fail(
      arm::error(Kind::not_found, "DeploymentNotFound",
                 fmt::format("Deployment '{}' could not be found.", cut_text(asked.name, 100))));
}

Error still_active(const Listed& record) {
  return arm::error(
      Kind::conflict, "DeploymentActive",
      fmt::format(
          "Unable to edit or replace deployment '{}': previous deployment from '{}' is still "
          "active. Cancel it, or wait until it has ended. Please see "
          "https://aka.ms/arm-deploy for usage details.",
          record.name, to_iso8601(record.start)));
}

Result<> keep_few(model::Change& change, const Place& place) {
  const auto all = TRY(list_records(change, place));
  if (all.size() < kept_max) return {};
  for (auto oldest = all.rbegin(); oldest != all.rend(); ++oldest) {
    if (has_ended(oldest->state)) return erase_record(change, place, oldest->name);
  }
  return {};
}

Result<Outcome> put(Engine& engine, const Call& call, const Asked& asked) {
  TRY(engine.check_room());
  auto wanted = TRY(read_body(engine, call, asked));
  Record& record = wanted.record;
  const auto place = place_of(record.tenant, record.scope);
  bool existed = false;
  std::optional<Record> same;
  const auto done = engine.model().change(place.shard, [&](model::Change& change) -> Result<> {
    same.reset();
    const auto old = TRY(find_listed(change, place, record.name));
    existed = old.has_value();
    if (old) {
      if (!record.parent.empty() && old->parent == record.parent) {
        // The deployment around it asks again, as it did not hear the first answer.
        same = TRY(find_record(change, place, record.name));
        return {};
      }
      if (!has_ended(old->state)) return fail(still_active(*old));
      if (old->location != record.location) {
        return fail(arm::error(
            Kind::conflict, "InvalidDeploymentLocation",
            fmt::format("Invalid deployment location '{}'. The deployment '{}' already exists in "
                        "location '{}'.",
                        record.location, record.name, old->location)));
      }
      record.name = old->name;
      TRY(erase_record(change, place, record.name));
    } else {
      TRY(keep_few(change, place));
    }
    // The group may have gone since it was looked at.
    const auto id = arm::ResourceId::parse(record.scope == "/" ? "" : record.scope);
    if (id && id->is_group() && !TRY(change.find(*id))) {
      return fail(arm::group_not_found(id->group));
    }
    TRY(put_record(change, place, record));
    TRY(put_part(change, place, record.name, Part::text, wanted.text));
    TRY(put_part(change, place, record.name, Part::given, wanted.given));
    if (!wanted.link.empty()) {
      TRY(put_part(change, place, record.name, Part::link, Json(wanted.link)));
    }
    return change.put_fact(pending_fact(record.run), JsonObject{{"tenant", record.tenant},
                                                                {"scope", record.scope},
                                                                {"name", record.name},
                                                                {"depth", record.depth}});
  });
  if (!done) {
    // Perhaps it is there all the same; one that is not is forgotten when it is looked for.
    if (done.error().kind == Kind::unavailable) engine.take(record);
    return fail(done.error());
  }
  if (same) return Outcome{.status = 200, .body = show(*same), .deployment = same->run};
  engine.take(record);
  return Outcome{.status = existed ? 200 : 201, .body = show(record), .deployment = record.run};
}

Result<Outcome> validate(Engine& engine, const Call& call, const Asked& asked) {
  auto wanted = TRY(read_body(engine, call, asked));
  // What needs nothing that is deployed is evaluated now, so that its errors are said now.
  JsonArray resources;
  for (std::size_t i = 0; i < wanted.plan->plan().size(); ++i) {
    const auto& planned = wanted.plan->plan()[i];
    if (!planned.wanted) continue;
    resources.push_back(JsonObject{{"id", planned.id}});
    NotYet runtime;
    const auto body = wanted.plan->body(i, &runtime);
    if (!body && !runtime.was_asked()) return fail(body.error());
  }
  auto shown = show(wanted.record);
  auto& properties = shown.get_object()["properties"].get_object();
  properties["provisioningState"] = "Succeeded";
  properties["validatedResources"] = std::move(resources);
  return Outcome{.body = std::move(shown)};
}

Result<Outcome> list(Engine& engine, const Call& call, const Asked& asked) {
  const auto scope = TRY(provider::normal_scope(call, asked.scope));
  const auto place = place_of(call.caller.tenant, scope);
  const auto wanted = call.query.find("$filter");
  std::string state;
  if (wanted != call.query.end() && !wanted->second.empty()) {
    const auto words = split(wanted->second, ' ');
    if (words.size() != 3 || !iequals(words[0], "provisioningState") || !iequals(words[1], "eq") ||
        words[2].size() < 2) {
      return fail(arm::error(Kind::invalid, "InvalidFilterInQueryString",
                             "Deployments are filtered by provisioningState eq 'Failed' and the "
                             "like."));
    }
    state = words[2].substr(1, words[2].size() - 2);
  }
  std::size_t most = page_rows;
  if (const auto top = call.query.find("$top"); top != call.query.end()) {
    most = static_cast<std::size_t>(
        parse_int(top->second, 1, static_cast<std::int64_t>(page_rows)).value_or(page_rows));
  }
  std::size_t from = 0;
  if (const auto token = call.query.find("$skiptoken"); token != call.query.end()) {
    from = static_cast<std::size_t>(parse_int(token->second, 0, kept_max).value_or(0));
  }
  JsonArray rows;
  Outcome outcome;
  TRY(engine.model().read(place.shard, [&](const model::View& view) -> Result<> {
    std::size_t at = 0;
    rows.clear();
    for (const auto& listed : TRY(list_records(view, place))) {
      if (!state.empty() && !iequals(state, to_string(listed.state))) continue;
      if (at++ < from) continue;
      if (rows.size() == most) {
        outcome.next = std::to_string(at - 1);
        break;
      }
      if (const auto record = TRY(find_record(view, place, listed.name))) {
        rows.push_back(show(*record));
      }
    }
    return {};
  }));
  outcome.body = JsonObject{{"value", std::move(rows)}};
  return outcome;
}

Result<Outcome> get(Engine& engine, const Call& call, const Asked& asked) {
  const auto found = TRY(find(engine, call, asked));
  return Outcome{.body = show(found.record)};
}

Result<Outcome> head(Engine& engine, const Call& call, const Asked& asked) {
  TRY(find(engine, call, asked));
  return Outcome{.status = 204};
}

Result<Outcome> cancel(Engine& engine, const Call& call, const Asked& asked) {
  const auto found = TRY(find(engine, call, asked));
  const auto& record = found.record;
  if (has_ended(record.state)) {
    return fail(arm::error(Kind::conflict, "DeploymentCannotBeCancelled",
                           fmt::format("The deployment '{}' cannot be cancelled because it is not "
                                       "active. The current state is '{}'.",
                                       record.name, to_string(record.state))));
  }
  TRY(engine.model().change(found.place.shard, [&](model::Change& change) -> Result<> {
    auto now = TRY(find_listed(change, found.place, record.name));
    if (!now || now->run != record.run || has_ended(now->state)) return {};
    return put_cancel(change, found.place, std::move(*now));
  }));
  engine.cancel(record.run);
  return Outcome{.status = 204};
}

Result<Outcome> remove(Engine& engine, const Call& call, const Asked& asked) {
  const auto there = find(engine, call, asked);
  if (!there && there.error().code == "DeploymentNotFound") return Outcome{.status = 204};
  const auto found = TRY(there);
  TRY(engine.model().change(found.place.shard, [&](model::Change& change) -> Result<> {
    const auto now = TRY(find_listed(change, found.place, found.record.name));
    if (now && !has_ended(now->state)) return fail(still_active(*now));
    return erase_record(change, found.place, found.record.name);
  }));
  return Outcome{.status = 204};
}

Result<Outcome> export_template(Engine& engine, const Call& call, const Asked& asked) {
  const auto found = TRY(find(engine, call, asked));
  Json text;
  TRY(engine.model().read(found.place.shard, [&](const model::View& view) -> Result<> {
    text = TRY(find_part(view, found.place, found.record.name, Part::text));
    return {};
  }));
  return Outcome{.body = JsonObject{{"template", std::move(text)}}};
}

Result<Outcome> operations(Engine& engine, const Call& call, const Asked& asked) {
  const auto found = TRY(find(engine, call, asked));
  const auto& record = found.record;
  std::vector<Step> steps;
  TRY(engine.model().read(found.place.shard, [&](const model::View& view) -> Result<> {
    steps = TRY(find_steps(view, found.place, record.name));
    return {};
  }));
  JsonArray rows;
  for (const auto& step : steps) {
    if (step.status == 0 && step.progress != Progress::failed) continue;
    const auto id = operation_id(record, step.id);
    if (!asked.item.empty() && !iequals(asked.item, id)) continue;
    rows.push_back(show_operation(record, step, id));
  }
  if (record.state == State::succeeded) {
    const auto id = operation_id(record, "outputs");
    if (asked.item.empty() || iequals(asked.item, id)) {
      const Step step{
          .progress = Progress::done, .start = record.end, .end = record.end, .status = 200};
      rows.push_back(show_operation(record, step, id));
    }
  }
  if (asked.item.empty()) return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
  if (rows.empty()) {
    return fail(
        arm::error(Kind::not_found, "DeploymentOperationNotFound",
                   fmt::format("The deployment has no operation '{}'.", cut_text(asked.item, 60))));
  }
  return Outcome{.body = rows[0]};
}

Result<Outcome> status(Engine& engine, const Call& call, const Asked& asked) {
  const auto found = TRY(find(engine, call, asked));
  const auto& record = found.record;
  if (!iequals(asked.item, record.run)) {
    return fail(
        arm::error(Kind::not_found, "DeploymentOperationNotFound",
                   fmt::format("The deployment '{}' was started again since.", record.name)));
  }
  JsonObject body{{"status", to_string(record.state)}};
  if (!record.error.is_null()) body["error"] = record.error;
  return Outcome{.body = std::move(body), .retry_after_s = has_ended(record.state) ? 0 : 1};
}

// No action of a deployment is called so.
constexpr std::string_view list_action = "[list]";

struct TableRow {
  std::string_view method, path, action, right;
  Result<Outcome> (*handler)(Engine& engine, const Call& call, const Asked& asked);
};
constexpr TableRow table[] = {
    {"GET", "", list_action, "read", list},
    {"PUT", "/{name}", "", "write", put},
    {"GET", "/{name}", "", "read", get},
    {"HEAD", "/{name}", "", "read", head},
    {"DELETE", "/{name}", "", "delete", remove},
    {"POST", "/{name}/validate", "validate", "validate/action", validate},
    {"POST", "/{name}/whatIf", "whatIf", "whatIf/action", what_if},
    {"POST", "/{name}/cancel", "cancel", "cancel/action", cancel},
    {"POST", "/{name}/exportTemplate", "exportTemplate", "exportTemplate/action", export_template},
    {"GET", "/{name}/operations[/{operation}]", "operations", "operations/read", operations},
    {"GET", "/{name}/operationStatuses/{id}", "operationStatuses", "operationstatuses/read",
     status},
};

}  // namespace

Deployments::Deployments(model::Model& model, const access::Access& access, Options options)
    : engine_(std::make_unique<Engine>(model, access, options)) {}
Deployments::~Deployments() = default;

Result<> Deployments::start(Dispatch dispatch, Fetch fetch) {
  return engine_->start(std::move(dispatch), std::move(fetch));
}

void Deployments::stop() {
  engine_->stop();
}
void Deployments::drain() {
  engine_->drain();
}

std::optional<Result<Outcome>> Deployments::answer(const Call& call) {
  if (const auto asked = parse_path(call.path)) return answer(call, *asked);
  constexpr std::string_view of_group = "/exporttemplate";
  if (call.method != "POST" || !to_lower(call.path).ends_with(of_group)) return std::nullopt;
  return export_group(*engine_, call, call.path.substr(0, call.path.size() - of_group.size()));
}

Result<Outcome> Deployments::answer(const Call& call, const Asked& asked) {
  if (std::ranges::find(versions, call.api_version) == std::end(versions)) {
    return fail(arm::error(
        Kind::invalid, "NoRegisteredProviderFound",
        fmt::format("No registered resource provider found for API version '{}' for type "
                    "'deployments'. The supported api-versions are '{}'.",
                    cut_text(call.api_version, 40),
                    join({std::begin(versions), std::end(versions)}, ", "))));
  }
  for (const auto& way : table) {
    const bool fits =
        asked.name.empty() ? way.action == list_action : iequals(way.action, asked.action);
    const bool items = way.action == "operations" || way.action == "operationStatuses";
    if (!fits || way.method != call.method || (!asked.item.empty() && !items)) continue;
    const auto scope = TRY(provider::normal_scope(call, asked.scope));
    auto id = Record{.name = asked.name, .scope = scope}.id();
    if (asked.name.empty()) id.pop_back();  // the slash
    TRY(call.access.may(call.caller, fmt::format("Microsoft.Resources/deployments/{}", way.right),
                        id));
    if (way.right == "write" || way.right == "delete") {
      TRY(call.access.check_locks(id, way.right == "delete"));
    }
    return way.handler(*engine_, call, asked);
  }
  return fail(arm::error(Kind::invalid, "HttpMethodNotSupported",
                         fmt::format("The method {} is not supported for '{}'.", call.method,
                                     cut_text(call.path, 300))));
}

std::vector<Deployments::Way> Deployments::ways() {
  std::vector<Way> all;
  for (const auto& way : table) all.push_back({way.method, way.path});
  return all;
}

std::span<const std::string_view> Deployments::api_versions() {
  return versions;
}

}  // namespace pinaco::deploy
