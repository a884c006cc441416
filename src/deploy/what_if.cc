// What would change: each resource of the template beside what is there now.
#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "deploy/links.h"
#include "deploy/paths.h"
#include "deploy/runtime.h"

namespace pinaco::deploy {
namespace {

constexpr int depth_max = 32;

// What the server adds or works out by itself, and what stays hidden, is no change.
bool is_same(const Json& before, const Json& after) {
  if (before == after) return true;
  if (before.is_string() && after.is_string()) {
    return iequals(before.get_string(), after.get_string());
  }
  return before.is_number() && after.is_number() &&
         before.to_number<double>() == after.to_number<double>();
}

void compare(const Json& before, const Json& after, JsonArray& delta, int depth);

Json array_change(std::string_view path, const JsonArray& before, const JsonArray& after,
                  int depth) {
  JsonArray children;
  for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
    const auto place = std::to_string(i);
    if (i >= before.size()) {
      children.push_back(JsonObject{{"path", place},
                                    {"propertyChangeType", "Create"},
                                    {"before", nullptr},
                                    {"after", after[i]},
                                    {"children", nullptr}});
    } else if (i >= after.size()) {
      children.push_back(JsonObject{{"path", place},
                                    {"propertyChangeType", "Delete"},
                                    {"before", before[i]},
                                    {"after", nullptr},
                                    {"children", nullptr}});
    } else if (before[i].is_object() && after[i].is_object()) {
      JsonArray inner;
      compare(before[i], after[i], inner, depth + 1);
      if (inner.empty()) continue;
      children.push_back(JsonObject{{"path", place},
                                    {"propertyChangeType", "Modify"},
                                    {"before", nullptr},
                                    {"after", nullptr},
                                    {"children", std::move(inner)}});
    } else if (!is_same(before[i], after[i])) {
      children.push_back(JsonObject{{"path", place},
                                    {"propertyChangeType", "Modify"},
                                    {"before", before[i]},
                                    {"after", after[i]},
                                    {"children", nullptr}});
    }
  }
  if (children.empty()) return nullptr;
  return JsonObject{{"path", path},
                    {"propertyChangeType", "Array"},
                    {"before", nullptr},
                    {"after", nullptr},
                    {"children", std::move(children)}};
}

// Only what the template names is looked at: the rest stays or is the server's.
void compare_at(const std::string& prefix, const Json& before, const Json& after, JsonArray& delta,
                int depth) {
  if (depth > depth_max) return;
  for (const auto& member : after.get_object()) {
    const auto path = prefix.empty() ? std::string(member.key())
                                     : fmt::format("{}.{}", prefix, std::string_view(member.key()));
    const Json* old = find_member(before.get_object(), member.key());
    const Json& wanted = member.value();
    if (old == nullptr || old->is_null()) {
      if (wanted.is_null() || (wanted.is_object() && wanted.get_object().empty())) continue;
      delta.push_back(JsonObject{{"path", path},
                                 {"propertyChangeType", "Create"},
                                 {"before", nullptr},
                                 {"after", wanted},
                                 {"children", nullptr}});
    } else if (old->is_object() && wanted.is_object()) {
      compare_at(path, *old, wanted, delta, depth + 1);
    } else if (old->is_array() && wanted.is_array()) {
      auto change = array_change(path, old->get_array(), wanted.get_array(), depth);
      if (!change.is_null()) delta.push_back(std::move(change));
    } else if (!is_same(*old, wanted)) {
      delta.push_back(JsonObject{{"path", path},
                                 {"propertyChangeType", "Modify"},
                                 {"before", *old},
                                 {"after", wanted},
                                 {"children", nullptr}});
    }
  }
}

void compare(const Json& before, const Json& after, JsonArray& delta, int depth) {
  compare_at("", before, after, delta, depth);
}

}  // namespace

Result<provider::Outcome> what_if(Engine& engine, const provider::Call& call, const Asked& asked) {
  auto wanted = TRY(read_body(engine, call, asked));
  const auto format = string_at(call.body, "properties.whatIfSettings.resultFormat");
  const bool ids_only = iequals(format, "ResourceIdOnly");
  Reader reader(engine.dispatch(), call.caller, call.base_url,
                wanted.plan->surroundings().subscription);
  JsonArray changes;
  std::set<std::string> named;
  for (std::size_t i = 0; i < wanted.plan->plan().size(); ++i) {
    const auto& planned = wanted.plan->plan()[i];
    if (!planned.wanted || planned.existing) continue;
    named.insert(to_lower(planned.id));
    JsonObject change{{"resourceId", planned.id}};
    auto body = wanted.plan->body(i, &reader);
    if (body && planned.is_deployment()) hide_signatures(*body);
    auto before = reader.get(planned.id, planned.api_version);
    const bool there = before.has_value();
    if (!there && before.error().kind != Kind::not_found) return fail(before.error());
    if (!body) {
      // It refers to what is not there yet: that it will be put is all that can be said.
      if (body.error().kind == Kind::invalid) return fail(body.error());
      change["changeType"] = there ? "Deploy" : "Create";
      changes.push_back(std::move(change));
      continue;
    }
    auto& after = body->get_object();
    JsonArray delta;
    if (there && before->is_object()) {
      auto comparable = *body;
      // "East US" and "eastus" are one location.
      if (arm::normalize_location(string_at(comparable, "location")) ==
          arm::normalize_location(string_at(*before, "location"))) {
        erase_path(comparable, "location");
      }
      compare(*before, comparable, delta, 0);
    }
    after["id"] = planned.id;
    after["type"] = planned.type;
    after["name"] = planned.name.substr(planned.name.rfind('/') + 1);
    after["apiVersion"] = planned.api_version;
    const bool deploys = planned.is_deployment();
    change["changeType"] = ids_only || deploys ? (there ? "Deploy" : "Create")
                           : !there            ? "Create"
                           : delta.empty()     ? "NoChange"
                                               : "Modify";
    if (!ids_only) {
      if (there) change["before"] = std::move(*before);
      change["after"] = std::move(*body);
      if (!delta.empty()) change["delta"] = std::move(delta);
    }
    Json shown = std::move(change);
    wanted.plan->hide_secrets(shown);
    changes.push_back(std::move(shown));
  }
  const auto scope = arm::ResourceId::parse(wanted.record.scope);
  if (scope && scope->is_group()) {
    std::vector<arm::ResourceId> others;
    std::set<std::string> going;
    TRY(engine.model().read(scope->subscription, [&](const model::View& view) -> Result<> {
      others.clear();
      going.clear();
      for (const auto& row : TRY(view.list_group(scope->group))) others.push_back(row.id);
      for (const auto& id : TRY(others_in(view, *scope, named))) going.insert(id.key());
      return {};
    }));
    for (const auto& id : others) {
      if (named.contains(id.key()) || !TRY(call.may_read(id))) continue;
      changes.push_back(
          JsonObject{{"resourceId", id.text()},
                     {"changeType",
                      wanted.record.complete && going.contains(id.key()) ? "Delete" : "Ignore"}});
    }
  }
  return provider::Outcome{
      .body = JsonObject{{"status", "Succeeded"},
                         {"properties", JsonObject{{"correlationId", wanted.record.correlation},
                                                   {"changes", std::move(changes)}}}}};
}

}  // namespace pinaco::deploy
