// What must be there before what: dependsOn, references, and circles among them.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "templates/template_scope.h"
#include "templates/words.h"

namespace pinaco::templates {

namespace {

// Ascending, and each once.
void tidy_up(std::vector<std::size_t>& after) {
  std::ranges::sort(after);
  const auto [from, to] = std::ranges::unique(after);
  after.erase(from, to);
}

}  // namespace

// By id, symbolic name, name, "type/name" or the name of a copy loop, which stands for all of it.
std::vector<std::size_t> Template::find_planned(std::string_view wanted) const {
  auto key = to_lower(wanted);
  while (key.size() > 1 && key.ends_with('/')) key.pop_back();
  if (const auto found = found_by_.find(key); found != found_by_.end()) return found->second;
  return {};
}

Result<> Template::find_order() {
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    const Planned& planned = plan_[i];
    if (const Json* wanted = find_member(*planned.source, "dependsOn")) {
      const auto path = planned.path + ".dependsOn";
      const auto list = TRY(value_of(*wanted, planned.loops, nullptr, path));
      if (!list.is_array()) {
        return fail(bad_template(fmt::format("'{}' is not an array", path), path));
      }
      if (list.get_array().size() > resources_max) {
        return fail(
            bad_template(fmt::format("'{}' has more than {} members", path, resources_max), path));
      }
      for (const auto& each : list.get_array()) {
        if (!each.is_string()) {
          return fail(
              bad_template(fmt::format("'{}' has a member that is not a text", path), path));
        }
        TRY(depend_on(i, std::string(each.get_string())));
      }
    }
    if (planned.wanted && !planned.existing) depend_on_references(i);
    tidy_up(plan_[i].after);
  }
  return check_circles();
}

Result<> Template::depend_on(std::size_t index, const std::string& wanted) {
  auto found = find_planned(wanted);
  if (found.empty() && !wanted.starts_with('/') && wanted.contains('/')) {
    // "Microsoft.Network/networkInterfaces/nic" as an id below the template's scope.
    found = find_planned(fmt::format("{}/providers/{}", surroundings_.scope, wanted));
  }
  if (found.empty() && empty_.contains(to_lower(wanted))) return {};
  if (found.empty()) {
    return fail(bad_template(
        fmt::format("The resource '{}' is not defined in the template, but '{}' depends on it. "
                    "Please see https://aka.ms/arm-syntax for usage details.",
                    cut_text(wanted, 300), plan_[index].name),
        plan_[index].path + ".dependsOn"));
  }
  auto& after = plan_[index].after;
  for (const auto each : found) {
    if (each == index) {
      return fail(bad_template(fmt::format("Circular dependency detected on resource: '{}'. Please "
                                           "see https://aka.ms/arm-syntax-resources for usage "
                                           "details.",
                                           plan_[index].id),
                               plan_[index].path));
    }
    after.push_back(each);
  }
  if (after.size() > 4 * resources_max) tidy_up(after);
  return {};
}

// reference(…) and list…(…) of something in this template mean that it comes first.
void Template::depend_on_references(std::size_t index) {
  const auto& planned = plan_[index];
  for (const auto& member : *planned.source) {
    if (iequals(member.key(), "dependsOn") || iequals(member.key(), "resources") ||
        iequals(member.key(), "copy")) {
      continue;
    }
    if (planned.is_deployment() && iequals(member.key(), "properties") &&
        iequals(string_at(member.value(), "expressionEvaluationOptions.scope"), "inner")) {
      for (const auto& inner : member.value().get_object()) {
        if (!iequals(inner.key(), "template")) depend_on_expression(index, inner.value());
      }
      continue;
    }
    depend_on_expression(index, member.value());
  }
}

void Template::depend_on_expression(std::size_t index, const Json& json) {
  if (json.is_array()) {
    for (const auto& each : json.get_array()) depend_on_expression(index, each);
  } else if (json.is_object()) {
    for (const auto& member : json.get_object()) depend_on_expression(index, member.value());
  }
  if (!json.is_string() || !is_expression(json.get_string())) return;
  const auto expression = parsed(json.get_string());
  if (!expression) return;  // said when it is evaluated, with its place
  const auto calls = (*expression)->calls([](std::string_view name) {
    return name == "reference" || name.starts_with("list");
  });
  for (const auto& call : calls) {
    if (call.arguments.empty()) continue;
    TemplateScope scope(*this, plan_[index].loops, nullptr);
    const auto wanted = call.arguments[0].evaluate(scope, budget_);
    if (!wanted || !wanted->is_string()) continue;  // inside a loop of properties, say
    for (const auto each : find_planned(wanted->get_string())) {
      if (each != index) plan_[index].after.push_back(each);
    }
    if (plan_[index].after.size() > 4 * resources_max) tidy_up(plan_[index].after);
  }
}

Result<> Template::check_circles() const {
  std::vector<std::size_t> waits(plan_.size());
  std::vector<std::vector<std::size_t>> before(plan_.size());
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    waits[i] = plan_[i].after.size();
    for (const auto each : plan_[i].after) before[each].push_back(i);
    if (waits[i] == 0) ready.push_back(i);
  }
  std::size_t ordered = 0;
  while (!ready.empty()) {
    const auto index = ready.back();
    ready.pop_back();
    ++ordered;
    for (const auto each : before[index]) {
      if (--waits[each] == 0) ready.push_back(each);
    }
  }
  if (ordered == plan_.size()) return {};
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    if (waits[i] == 0) continue;
    return fail(
        bad_template(fmt::format("Circular dependency detected on resource: '{}'. Please see "
                                 "https://aka.ms/arm-syntax-resources for usage details.",
                                 plan_[i].id),
                     plan_[i].path));
  }
  return {};
}

}  // namespace pinaco::templates
