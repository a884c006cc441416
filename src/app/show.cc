// One resource in words: its properties as lines, and for what has contents, those too.
#include "app/show.h"

#include <fmt/format.h>

#include "app/push_disk.h"
#include "app/reference.h"
#include "app/report.h"

namespace pinaco::app {
namespace {

constexpr Seconds retry_for = Seconds(5);
constexpr int lines_max = 200;

// "  identifier.publisher  debian", a line for every plain value; replication has its own table.
void add_lines(const Json& json, const std::string& path, Table& into) {
  if (into.size() >= lines_max || path == "replicationStatus") return;
  if (json.is_object()) {
    for (const auto& [name, value] : json.as_object()) {
      add_lines(value, path.empty() ? std::string(name) : path + "." + std::string(name), into);
    }
  } else if (json.is_array()) {
    std::size_t i = 0;
    for (const auto& value : json.as_array())
      add_lines(value, fmt::format("{}[{}]", path, i++), into);
  } else {
    into.push_back({"  " + path, json.is_string() ? std::string(json.as_string()) : to_text(json)});
  }
}

void print(const arm::ResourceId& id, const Json& shown, Console& console) {
  Table table{{id.types.empty() ? id.group : id.nested_name(), ""}};
  table.push_back({"  type", id.types.empty() ? "group" : id.full_type()});
  table.push_back({"  id", id.text()});
  table.push_back({"  location", std::string(string_at(shown, "location"))});
  if (const Json* tags = find_path(shown, "tags")) add_lines(*tags, "tags", table);
  if (const Json* properties = find_path(shown, "properties")) add_lines(*properties, "", table);
  console.print_table(table);
}

// A line for each replica of each region, and one for each place that reads come from.
Table load_table(const Json& contents) {
  Table table{{"REGION", "REPLICA OR PLACE", "CREATING", "CREATED", "READS"}};
  const Json* regions = find_path(contents, "regions");
  if (regions == nullptr || !regions->is_array()) return table;
  for (const Json& region : regions->get_array()) {
    const std::string name(string_at(region, "name"));
    if (const Json* loads = find_path(region, "replicaLoads")) {
      std::size_t number = 0;
      for (const Json& load : loads->get_array()) {
        table.push_back({name, fmt::format("replica {}", ++number),
                         std::to_string(int_at(load, "creating")),
                         std::to_string(int_at(load, "created")), ""});
      }
    }
    if (const auto waiting = int_at(region, "waiting"); waiting > 0) {
      table.push_back({name, "waiting", std::to_string(waiting), "", ""});
    }
    if (const Json* places = find_path(region, "placeReads")) {
      for (const Json& place : places->get_array()) {
        table.push_back({name, fmt::format("place {}", string_at(place, "name")), "", "",
                         std::to_string(int_at(place, "reads"))});
      }
    }
  }
  return table;
}

bool has_contents(const arm::ResourceId& id) {
  return id.type() == "galleries/images/versions" || id.type() == "disks" ||
         id.type() == "snapshots";
}

}  // namespace

Result<> show(const ShowOptions& options, Connection& connection, Console& console) {
  const auto reference = TRY(parse_reference(options.name));
  const auto id = TRY(resolve(connection, reference, options.group));
  const bool version = id.type() == "galleries/images/versions";
  const auto shown = TRY(connection.get(path_of(id, version ? "$expand=ReplicationStatus" : "")));
  print(id, shown, console);
  Json contents = nullptr;
  if (has_contents(id)) {
    // A version that is still being made, or an empty disk, has none.
    if (auto known = get_contents(connection, id)) {
      contents = std::move(*known);
      console.print("\n" + contents_text(contents) + "\n");
      if (version) console.print_table(regions_table(contents));
      if (version && options.replicas) {
        console.print("\nSince the server started:\n");
        console.print_table(load_table(contents));
      }
    } else {
      console.note("Contents: " + known.error().message);
    }
  }
  if (!contents.is_null()) {
    JsonObject both = shown.is_object() ? shown.as_object() : JsonObject();
    both["contents"] = contents;
    console.print_json(both);
  } else {
    console.print_json(shown);
  }
  return {};
}

Result<> show(const ShowOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection =
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}, console));
  return show(options, *connection, console);
}

}  // namespace pinaco::app
