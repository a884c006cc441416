#include "app/expire.h"

#include <fmt/format.h>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::string_view expiry = "/pinaco/v1/expiry";
constexpr std::string_view recycling_api = "2024-03-03";

Result<std::string> scope_of(const ExpireOptions& options, Connection& connection) {
  if (options.name.empty()) {
    return options.group.empty() ? connection.subscription_path()
                                 : connection.group_path(options.group);
  }
  const auto reference = TRY(parse_reference(options.name));
  if (reference.version == "latest") {
    return fail(Kind::invalid, "Name the version by its number: what is latest changes.");
  }
  return TRY(resolve(connection, reference, options.group))
  .text();
}

// "delete now", "delete 2026-12-07 14:00"
std::string fate_of(const Json& item, bool done) {
  const auto action = string_at(item, "action");
  const auto goes = std::string(string_at(item, "goes"));
  const auto time = goes.size() < 16 ? goes : goes.substr(0, 10) + " " + goes.substr(11, 5);
  if (action == "delete") return done ? "deleted" : "delete now";
  if (action == "mark") return fmt::format("{} for {}", done ? "marked" : "mark", time);
  if (action == "wait") return fmt::format("delete {}", time);
  if (action == "unmark") return done ? "mark taken off" : "keep, unmark";
  return "keep";
}

void print_items(const Json& items, bool done, Console& console) {
  Table table{{"NAME", "WHAT", "WHY"}};
  for (const Json& item : items.get_array()) {
    table.push_back({std::string(string_at(item, "name")), fate_of(item, done),
                     std::string(string_at(item, "why"))});
  }
  console.print_json(items);
  if (table.size() > 1) console.print_table(table);
}

Result<Json> items_in(const Json& answer) {
  const Json* items = find_path(answer, "value");
  if (items != nullptr && items->is_array()) return *items;
  return fail(Kind::corrupt, "The server's answer has no list 'value'.");
}

// A version that is not there, but was deleted in a gallery with soft delete. Whether it was one.
Result<bool> restore(const arm::ResourceId& id, Connection& connection, Console& console) {
  if (id.types.size() != 3 || TRY(connection.find(path_of(id)))) return false;
  const auto deleted = TRY(connection.list(
      fmt::format("{}/softDeletedArtifactTypes/Images/artifacts/{}/versions?api-version={}",
                  id.parent().parent().text(), id.names[1], recycling_api)));
  for (const auto& each : deleted) {
    if (!iequals(string_at(each, "name"), id.name())) continue;
    const Json body = JsonObject{{"location", string_at(each, "location")}};
    TRY(connection.run("PUT", path_of(id), &body));
    console.print_json(JsonArray{id.text()});
    console.print(fmt::format("{} is restored.\n", id.nested_name()));
    return true;
  }
  return fail(Kind::not_found,
              fmt::format("There is no {}, and none that could be restored.", id.nested_name()));
}

Result<> undo(const Json& body, Connection& connection, Console& console) {
  const auto answer = TRY(connection.send("POST", fmt::format("{}/undo", expiry), &body));
  const auto kept = TRY(items_in(answer.body));
  console.print_json(kept);
  for (const Json& each : kept.get_array()) {
    if (!each.is_string()) continue;
    const auto id = TRY(arm::ResourceId::parse(each.get_string()));
    console.print(
        fmt::format("{} stays, until its tag pinaco-keep is removed.\n", id.nested_name()));
  }
  const Json* left = find_path(answer.body, "left");
  if (left == nullptr || !left->is_array() || left->get_array().empty()) {
    if (kept.get_array().empty()) console.print("Nothing was marked.\n");
    return {};
  }
  for (const Json& each : left->get_array()) {
    const auto id = TRY(arm::ResourceId::parse(string_at(each, "id")));
    console.print(
        fmt::format("{} is still marked: {}\n", id.nested_name(), string_at(each, "why")));
  }
  return fail(Kind::conflict,
              fmt::format("{} of what is marked could not be kept.", left->get_array().size()));
}

}  // namespace

Result<> expire(const ExpireOptions& options, Connection& connection, Console& console) {
  const auto scope = TRY(scope_of(options, connection));
  const Json body = JsonObject{{"id", scope}, {"skipGrace", options.skip_grace}};
  if (options.undo) {
    if (TRY(restore(TRY(arm::ResourceId::parse(scope)), connection, console))) return {};
    return undo(body, connection, console);
  }
  if (options.yes && !options.dry_run) {
    const auto answer = TRY(connection.send("POST", expiry, &body));
    const auto done = TRY(items_in(answer.body));
    print_items(done, true, console);
    if (done.get_array().empty()) console.print("Nothing was due.\n");
    return {};
  }
  const auto items = TRY(items_in(TRY(connection.get(fmt::format(
      "{}?id={}{}", expiry, percent_encode(scope), options.skip_grace ? "&skipGrace=true" : "")))));
  print_items(items, false, console);
  if (items.get_array().empty()) console.print("There are no definitions.\n");
  if (!options.dry_run) console.note("Nothing was changed. With --yes what is due is done now.");
  return {};
}

Result<> expire(const ExpireOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return expire(options, *connection, console);
}

}  // namespace pinaco::app
