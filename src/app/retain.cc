#include "app/retain.h"

#include <fmt/format.h>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {

Result<> retain(const RetainOptions& options, Connection& connection, Console& console) {
  const auto reference = TRY(parse_reference(options.name));
  const auto id = TRY(resolve(connection, reference, options.group));
  if (id.types.empty() || !iequals(id.types.front(), "galleries") || id.types.size() > 2) {
    return fail(Kind::invalid, fmt::format("{} is not a gallery or definition: rules are theirs. "
                                           "A single version is kept by its tag pinaco-keep.",
                                           options.name));
  }
  const auto found = TRY(connection.find(path_of(id)));
  if (!found) return fail(Kind::not_found, fmt::format("There is no {}.", options.name));
  JsonObject tags;
  if (const Json* known = find_path(*found, "tags"); known != nullptr && known->is_object()) {
    tags = known->get_object();
  }
  const JsonObject before = tags;
  const std::pair<const char*, const std::string*> said[] = {
      {"pinaco-end-of-life", &options.end_of_life},
      {"pinaco-grace-days", &options.grace_days},
      {"pinaco-expire-in-use", &options.in_use},
      {"pinaco-keep-newest", &options.newest},
      {"pinaco-keep-tagged", &options.tagged}};
  JsonObject rules;
  for (const auto& [tag, value] : said) {
    // Tags are found whatever their case.
    std::string old(tag);
    if (const Json* known = find_member(tags, tag)) {
      for (const auto& each : tags) {
        if (&each.value() == known) old = std::string(std::string_view(each.key()));
      }
    }
    if (options.clear || !value->empty()) tags.erase(old);
    if (!value->empty()) tags[tag] = *value;
    if (const Json* now = find_member(tags, tag)) rules[tag] = *now;
  }
  JsonObject body;
  if (tags != before) body["tags"] = tags;
  if (!options.soft_delete.empty()) {
    const bool on = iequals(options.soft_delete, "on");
    if (id.types.size() != 1 || (!on && !iequals(options.soft_delete, "off"))) {
      return fail(Kind::invalid, "Soft delete is \"on\" or \"off\" for a whole gallery.");
    }
    body["properties"] = JsonObject{{"softDeletePolicy", JsonObject{{"isSoftDeleteEnabled", on}}}};
  }
  if (!body.empty()) {
    const Json all = body;
    TRY(connection.run("PATCH", path_of(id), &all));
  }
  console.print_json(rules);
  if (rules.empty()) console.print("No rules of its own: the server's hold.\n");
  for (const auto& rule : rules) {
    console.print(fmt::format("{} = {}\n", std::string_view(rule.key()),
                              std::string_view(rule.value().as_string())));
  }
  return {};
}

Result<> retain(const RetainOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return retain(options, *connection, console);
}

}  // namespace pinaco::app
