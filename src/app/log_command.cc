#include "app/log_command.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr Seconds retry_for = Seconds(5);  // somebody waits for the list

// Only what can stand in the quotes of a filter.
Result<std::string> quotable(std::string_view option, const std::string& value) {
  if (value.find('\'') == std::string::npos) return value;
  return fail(Kind::invalid, fmt::format("{} must not have a quote in it.", option));
}

std::string without_subscription(std::string_view resource) {
  constexpr std::string_view start = "/subscriptions/";
  if (!istarts_with(resource, start)) return std::string(resource);
  const auto slash = resource.find('/', start.size());
  return slash == std::string_view::npos ? "/" : std::string(resource.substr(slash));
}

}  // namespace

Result<> print_log(const LogOptions& options, Connection& connection, Console& console) {
  const auto from = connection.patience().clock.now() - std::chrono::hours(options.hours);
  std::string filter = fmt::format("eventTimestamp ge '{}'", to_iso8601(from));
  if (options.failed) filter += " and status eq 'Failed'";
  if (!options.group.empty()) {
    filter +=
        fmt::format(" and resourceGroupName eq '{}'", TRY(quotable("--group", options.group)));
  }
  if (!options.caller.empty()) {
    filter += fmt::format(" and caller eq '{}'", TRY(quotable("--caller", options.caller)));
  }
  const auto events = TRY(connection.list(fmt::format(
      "{}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&"
      "$filter={}",
      connection.subscription_path(), percent_encode(filter))));
  Table table{{"TIME", "WHO", "FROM", "WHAT", "RESOURCE", "OUTCOME"}};
  JsonArray document;
  for (const auto& event : events) {
    const auto name = string_at(event, "claims.name");
    const auto code = string_at(event, "properties.statusMessage");
    table.push_back(
        {std::string(string_at(event, "eventTimestamp").substr(0, 19)),
         std::string(name.empty() ? string_at(event, "caller") : name),
         std::string(string_at(event, "httpRequest.clientIpAddress")),
         std::string(string_at(event, "operationName.value")),
         without_subscription(string_at(event, "resourceId")),
         fmt::format("{} {}{}{}", string_at(event, "status.value"),
                     string_at(event, "subStatus.value"), code.empty() ? "" : " ", code)});
    document.push_back(event);
  }
  console.print_json(document);
  if (events.empty()) {
    console.print(fmt::format("Nothing was written in the last {} hours.\n", options.hours));
    return {};
  }
  console.print_table(table);
  return {};
}

Result<> print_log(const LogOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection =
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}, console));
  return print_log(options, *connection, console);
}

}  // namespace pinaco::app
