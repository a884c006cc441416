// Walking the galleries of a subscription.
#include "app/list.h"

#include <fmt/format.h>

#include "app/reference.h"
#include "app/report.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr Seconds retry_for = Seconds(5);  // somebody waits for the list

class Lister {
 public:
  Lister(const ListOptions& options, Reference only, Connection& connection)
      : options_(options), only_(std::move(only)), connection_(connection) {}

  Result<> run();
  const Table& table() const { return table_; }
  const JsonArray& document() const { return document_; }

 private:
  Result<JsonObject> gallery(const arm::ResourceId& id, const Json& shown);
  Result<JsonObject> definition(const arm::ResourceId& id, const Json& shown);
  Result<Json> version(const arm::ResourceId& id, bool indent);
  Result<std::vector<Json>> below(const arm::ResourceId& id, std::string_view type) {
    return connection_.list(fmt::format("{}/{}?api-version={}", id.text(), type, galleries_api));
  }
  static bool is_other(const std::string& wanted, const Json& shown) {
    return !wanted.empty() && !iequals(wanted, string_at(shown, "name"));
  }

  const ListOptions& options_;
  const Reference only_;
  Connection& connection_;
  Table table_{{"NAME", "LOCATION", "STATE", "LATEST", "SIZE", "REGIONS"}};
  JsonArray document_;
};

std::string regions_in_words(const Json& version) {
  std::vector<std::string> words;
  const Json* summary = find_path(version, "properties.replicationStatus.summary");
  if (summary == nullptr || !summary->is_array()) return "";
  for (const auto& region : summary->as_array()) {
    const auto progress = int_at(region, "progress");
    std::string word = fmt::format("{} {}", arm::normalize_location(string_at(region, "region")),
                                   to_lower(string_at(region, "state")));
    if (progress < 100) word += fmt::format(" {} %", progress);
    words.push_back(std::move(word));
  }
  return join(words, ", ");
}

std::string size_in_words(const Json& version) {
  const auto gib = int_at(version, "properties.storageProfile.osDiskImage.sizeInGB");
  return gib > 0 ? fmt::format("{} GiB", gib) : "";
}

std::string provisioning(const Json& shown) {
  return std::string(string_at(shown, "properties.provisioningState"));
}

Result<Json> Lister::version(const arm::ResourceId& id, bool indent) {
  auto shown = TRY(connection_.find(path_of(id, "$expand=ReplicationStatus")));
  if (!shown) return Json(nullptr);  // deleted a moment ago
  if (indent) {
    const bool excluded = bool_at(*shown, "properties.publishingProfile.excludeFromLatest");
    table_.push_back({"    " + id.name(), std::string(string_at(*shown, "location")),
                      provisioning(*shown), excluded ? "excluded" : "", size_in_words(*shown),
                      regions_in_words(*shown)});
  }
  return *shown;
}

Result<JsonObject> Lister::definition(const arm::ResourceId& id, const Json& shown) {
  auto versions = TRY(below(id, "versions"));
  sort_versions(versions);
  const Json* latest = find_latest(versions);
  const std::string name(latest == nullptr ? "" : string_at(*latest, "name"));
  Json details = nullptr;
  if (latest != nullptr && !options_.all) {
    details = TRY(version(id.child("versions", name), false));
  }
  table_.push_back({"  " + id.name(), std::string(string_at(shown, "location")),
                    provisioning(shown), name, size_in_words(details), regions_in_words(details)});
  JsonArray array;
  for (const auto& item : versions) {
    const std::string item_name(string_at(item, "name"));
    if (options_.all) {
      array.push_back(TRY(version(id.child("versions", item_name), true)));
    } else {
      array.push_back(item_name == name && !details.is_null() ? details : item);
    }
  }
  JsonObject object = shown.as_object();
  object["latest"] = name;
  object["versions"] = std::move(array);
  return object;
}

Result<JsonObject> Lister::gallery(const arm::ResourceId& id, const Json& shown) {
  table_.push_back(
      {id.name(), std::string(string_at(shown, "location")), provisioning(shown), "", "", ""});
  JsonArray array;
  for (const auto& item : TRY(below(id, "images"))) {
    if (is_other(only_.definition, item) || !item.is_object()) continue;
    array.push_back(
        TRY(definition(id.child("images", std::string(string_at(item, "name"))), item)));
  }
  JsonObject object = shown.as_object();
  object["definitions"] = std::move(array);
  return object;
}

Result<> Lister::run() {
  const auto all =
      TRY(connection_.list(fmt::format("{}/providers/Microsoft.Compute/galleries?api-version={}",
                                       connection_.subscription_path(), galleries_api)));
  for (const auto& item : all) {
    const auto id = TRY(arm::ResourceId::parse(string_at(item, "id")));
    if (is_other(only_.gallery, item) || !item.is_object()) continue;
    if (!options_.group.empty() && !iequals(options_.group, id.group)) continue;
    document_.push_back(TRY(gallery(id, item)));
  }
  return {};
}

}  // namespace

Result<> list(const ListOptions& options, Connection& connection, Console& console) {
  Reference only;
  if (!options.name.empty()) {
    only = TRY(parse_reference(options.name));
    if (only.id || !only.version.empty()) {
      return fail(Kind::invalid, fmt::format("`pinaco list` takes GALLERY or GALLERY/DEFINITION; "
                                             "for one version use `pinaco show {}`.",
                                             options.name));
    }
  }
  Lister lister(options, only, connection);
  TRY(lister.run());
  console.print_json(lister.document());
  if (lister.document().empty()) {
    console.print(options.name.empty()
                      ? "There is no gallery yet. `pinaco push --help` shows how to make one.\n"
                      : fmt::format("There is nothing named {}.\n", options.name));
    return {};
  }
  console.print_table(lister.table());
  return {};
}

Result<> list(const ListOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection =
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}));
  return list(options, *connection, console);
}

Result<> list_regions(Connection& connection, Console& console) {
  const auto regions = TRY(connection.list("/pinaco/v1/regions"));
  Table table{{"NAME", "DISPLAY NAME", "ZONES", "PLACES", "IMAGES", "PACKS", "STORED"}};
  JsonArray document;
  for (const auto& region : regions) {
    std::vector<std::string> places;
    std::vector<std::string> zones;
    if (const Json* list = find_path(region, "places"); list != nullptr && list->is_array()) {
      for (const auto& place : list->as_array()) {
        places.push_back(fmt::format("{}{}", string_at(place, "name"),
                                     bool_at(place, "premium") ? " (premium)" : ""));
      }
    }
    if (const Json* list = find_path(region, "zones"); list != nullptr && list->is_array()) {
      for (const auto& zone : list->as_array()) {
        if (zone.is_string()) zones.emplace_back(zone.as_string());
      }
    }
    table.push_back(
        {std::string(string_at(region, "name")), std::string(string_at(region, "displayName")),
         join(zones, " "), join(places, ", "), fmt::to_string(int_at(region, "usage.manifests")),
         fmt::to_string(int_at(region, "usage.packs")), size_text(region, "usage.bytes")});
    document.push_back(region);
  }
  console.print_table(table);
  console.print_json(document);
  return {};
}

Result<> list_regions(Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection =
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}));
  return list_regions(*connection, console);
}

}  // namespace pinaco::app
