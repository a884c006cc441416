// Walking the galleries of a subscription.
#include "app/list.h"

#include <fmt/format.h>

#include "app/push_disk.h"
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
  Result<Json> contents(const arm::ResourceId& id);
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

std::string regions_in_words(const Json& contents) {
  std::vector<std::string> words;
  const Json* regions = find_path(contents, "regions");
  if (regions == nullptr || !regions->is_array()) return "";
  for (const auto& region : regions->as_array()) {
    const auto progress = int_at(region, "progress");
    std::string word =
        fmt::format("{} {}", string_at(region, "name"), to_lower(string_at(region, "state")));
    if (progress < 100) word += fmt::format(" {} %", progress);
    words.push_back(std::move(word));
  }
  return join(words, ", ");
}

std::string size_in_words(const Json& contents) {
  return int_at(contents, "sizeBytes") > 0 ? size_text(contents, "sizeBytes") : "";
}

std::string provisioning(const Json& shown) {
  return std::string(string_at(shown, "properties.provisioningState"));
}

Result<Json> Lister::contents(const arm::ResourceId& id) {
  auto contents = get_contents(connection_, id);
  if (contents) return contents;
  // Deleted a moment ago, or not yet filled: listed without.
  if (contents.error().kind == Kind::not_found || contents.error().kind == Kind::conflict) {
    return Json(nullptr);
  }
  return contents;
}

Result<JsonObject> Lister::definition(const arm::ResourceId& id, const Json& shown) {
  auto versions = TRY(below(id, "versions"));
  sort_versions(versions);
  const Json* latest = find_latest(versions);
  const std::string name(latest == nullptr ? "" : string_at(*latest, "name"));
  std::vector<std::string> row = {"  " + id.name(),
                                  std::string(string_at(shown, "location")),
                                  provisioning(shown),
                                  name,
                                  "",
                                  ""};
  const std::size_t row_at = table_.size();
  table_.push_back({});
  JsonArray array;
  for (const auto& item : versions) {
    const std::string item_name(string_at(item, "name"));
    const bool is_latest = item_name == name;
    JsonObject object = item.is_object() ? item.as_object() : JsonObject();
    if (options_.all || is_latest) {
      const auto held = TRY(contents(id.child("versions", item_name)));
      if (options_.all) {
        const bool excluded = bool_at(item, "properties.publishingProfile.excludeFromLatest");
        table_.push_back({"    " + item_name, std::string(string_at(item, "location")),
                          provisioning(item), excluded ? "excluded" : "", size_in_words(held),
                          regions_in_words(held)});
      } else {
        row[4] = size_in_words(held);
        row[5] = regions_in_words(held);
      }
      object["contents"] = held;
    }
    array.push_back(std::move(object));
  }
  table_[row_at] = std::move(row);
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
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}, console));
  return list(options, *connection, console);
}

}  // namespace pinaco::app
