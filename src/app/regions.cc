#include "app/regions.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/report.h"
#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr Seconds retry_for = Seconds(5);  // somebody waits for the answer

std::string words_of(const Json& row, const char* member) {
  const Json* list = find_path(row, member);
  std::vector<std::string> words;
  if (list != nullptr && list->is_array()) {
    for (const auto& each : list->as_array()) {
      if (each.is_string()) words.emplace_back(each.as_string());
    }
  }
  return join(words, " ");
}

struct Places {
  std::size_t all = 0;
  std::size_t away = 0;
  std::size_t premium = 0;
};

Places places_of(const Json& region) {
  Places places;
  const Json* list = find_path(region, "places");
  if (list == nullptr || !list->is_array()) return places;
  for (const auto& place : list->as_array()) {
    places.all++;
    places.away += bool_at(place, "away") ? 1 : 0;
    places.premium += bool_at(place, "premium") ? 1 : 0;
  }
  return places;
}

Result<> list_regions(const RegionOptions&, Connection& connection, Console& console) {
  Table table{{"NAME", "DISPLAY NAME", "ZONES", "PLACES", "PREMIUM", "IMAGES", "PACKS", "STORED",
               "ACCESS"}};
  JsonArray document;
  for (const auto& region :
       TRY(connection.list("/pinaco/v1/regions?subscription=" + connection.login().subscription))) {
    const auto places = places_of(region);
    table.push_back({std::string(string_at(region, "name")),
                     std::string(string_at(region, "displayName")), words_of(region, "zones"),
                     places.away == 0 ? fmt::to_string(places.all)
                                      : fmt::format("{} ({} away)", places.all, places.away),
                     fmt::to_string(places.premium),
                     fmt::to_string(int_at(region, "usage.manifests")),
                     fmt::to_string(int_at(region, "usage.packs")),
                     size_text(region, "usage.bytes"), to_lower(string_at(region, "access"))});
    document.push_back(region);
  }
  console.print_table(table);
  console.print_json(document);
  return {};
}

Result<> list_requests(const RegionOptions&, Connection& connection, Console& console) {
  Table table{{"REGION", "SUBSCRIPTION", "NAME", "STATE", "SINCE", "BY", "REASON"}};
  JsonArray document;
  for (const auto& each : TRY(connection.list("/pinaco/v1/regions/requests"))) {
    std::vector<std::string> row;
    for (const char* member :
         {"region", "subscription", "subscriptionName", "state", "since", "by", "reason"}) {
      row.emplace_back(string_at(each, member));
    }
    row[3] = to_lower(row[3]);
    table.push_back(std::move(row));
    document.push_back(each);
  }
  console.print_json(document);
  if (document.empty()) {
    console.print("Nobody has asked for a restricted region.\n");
    return {};
  }
  console.print_table(table);
  return {};
}

// An id stands for itself: it may be another tenant's, whose names are not to be seen here.
Result<std::string> find_subscription(const RegionOptions& options, Connection& connection) {
  if (options.subscription.empty()) return connection.login().subscription;
  if (arm::is_guid(options.subscription)) return options.subscription;
  std::vector<std::string> ids;
  for (const auto& each : TRY(connection.list("/pinaco/v1/subscriptions"))) {
    if (iequals(string_at(each, "name"), options.subscription)) {
      ids.emplace_back(string_at(each, "subscription"));
    }
  }
  if (ids.size() == 1) return ids[0];
  return fail(Kind::not_found,
              fmt::format("{} subscriptions that you may see are named '{}'. Use the id that "
                          "`pinaco region requests` shows.",
                          ids.size(), options.subscription));
}

Result<> send(const RegionOptions& options, Connection& connection, Console& console) {
  const auto verb = options.command.substr(options.command.find(' ') + 1);
  const auto subscription = TRY(find_subscription(options, connection));
  JsonObject body{{"id", "/subscriptions/" + subscription}};
  if (!options.reason.empty()) body["reason"] = options.reason;
  const Json ask = std::move(body);
  const auto answer =
      TRY(connection.send("POST",
                          fmt::format("/pinaco/v1/regions/{}/{}",
                                      percent_encode(arm::normalize_location(options.name)), verb),
                          &ask))
  .body;
  const auto state = string_at(answer, "state");
  const auto region = string_at(answer, "region");
  const auto who = string_at(answer, "subscription");
  if (state == "Allowed") {
    console.print(fmt::format("The subscription {} may use {}.\n", who, region));
  } else if (state == "Denied") {
    console.print(
        fmt::format("The subscription {} may not use {}. What it has there stays, and can "
                    "be read and deleted.\n",
                    who, region));
  } else {
    console.print(
        fmt::format("Asked for {}. Whoever runs the server allows it with\n"
                    "  pinaco region allow {} --subscription {}\n",
                    region, region, who));
  }
  console.print_json(answer);
  return {};
}

}  // namespace

Result<> regions(const RegionOptions& options, Connection& connection, Console& console) {
  if (options.command == "region list") return list_regions(options, connection, console);
  if (options.command == "region requests") return list_requests(options, connection, console);
  return send(options, connection, console);
}

Result<> regions(const RegionOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection =
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}, console));
  return regions(options, *connection, console);
}

}  // namespace pinaco::app
