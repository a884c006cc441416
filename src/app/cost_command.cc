#include "app/cost_command.h"

#include <fmt/format.h>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

Result<std::string> scope_of(const CostOptions& options, Connection& connection) {
  if (options.name.empty()) {
    return options.group.empty() ? connection.subscription_path()
                                 : connection.group_path(options.group);
  }
  const auto reference = TRY(parse_reference(options.name));
  auto id = resolve(connection, reference, options.group);
  if (!id && id.error().kind == Kind::not_found && options.group.empty()) {
    add_sentence(id.error(), "Of one that is gone, --group says where it was.");
  }
  if (!id) return fail(id.error());
  return id->text();
}

double number_at(const Json& json, const char* path) {
  const Json* found = find_path(json, path);
  if (found == nullptr || !found->is_number()) return 0;
  boost::system::error_code ignored;
  return found->to_number<double>(ignored);
}

std::string money(const Json& line, const char* path) {
  return fmt::format("{:.4f}", number_at(line, path));
}

std::string size(const Json& line, const char* path) {
  return fmt::format("{:.3f}", number_at(line, path));
}

std::vector<std::string> cells(const Json& line, const std::string& name, bool disks) {
  return {name,
          disks ? fmt::to_string(int_at(line, "disks")) : "",
          size(line, "chargedGiBMonths"),
          size(line, "storedGiBMonths"),
          size(line, "egressGiB"),
          size(line, "movedGiB"),
          money(line, "storageCost"),
          money(line, "egressCost"),
          money(line, "cost")};
}

std::string quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string inside;
  for (const char each : text) inside += each == '"' ? "\"\"" : std::string(1, each);
  return '"' + inside + '"';
}

std::string csv_of(const Json& answer) {
  std::string text = fmt::format(
      "{},id,disks,charged_gib_months,stored_gib_months,egress_gib,moved_gib,storage_cost,"
      "egress_cost,cost,currency\n",
      string_at(answer, "by"));
  for (const Json& line : find_path(answer, "value")->get_array()) {
    text += fmt::format("{},{},{}", quoted(string_at(line, "name")), quoted(string_at(line, "id")),
                        int_at(line, "disks"));
    for (const char* member : {"chargedGiBMonths", "storedGiBMonths", "egressGiB", "movedGiB",
                               "storageCost", "egressCost", "cost"}) {
      text += fmt::format(",{:.9f}", number_at(line, member));
    }
    text += fmt::format(",{}\n", quoted(string_at(answer, "currency")));
  }
  return text;
}

void print_lines(const Json& answer, Console& console) {
  const std::string by(string_at(answer, "by"));
  Table table{{to_upper(by), "DISKS", "CHARGED", "STORED", "EGRESS", "MOVED", "FOR STORAGE",
               "FOR EGRESS", "COST"}};
  for (const Json& line : find_path(answer, "value")->get_array()) {
    table.push_back(cells(line, std::string(string_at(line, "name")), true));
  }
  const Json& total = *find_path(answer, "total");
  // Disks of several months are not to be added.
  table.push_back(cells(total, "total", by != "month"));
  console.print_table(table);
  console.print(
      fmt::format("\nCosts are in {}, charged by {} size; sizes in GiB, those stored for "
                  "a whole month.\n",
                  string_at(answer, "currency"), string_at(answer, "unit")));
  const double charged = number_at(total, "chargedGiBMonths");
  const double stored = number_at(total, "storedGiBMonths");
  if (charged <= 0) return;
  console.print(
      fmt::format("For {:.3f} GiB that are charged, {:.3f} GiB were needed: {:.1f} % "
                  "were saved.\n",
                  charged, stored, 100 * std::max(0.0, 1 - stored / charged)));
}

}  // namespace

Result<> print_cost(const CostOptions& options, Connection& connection, Console& console) {
  auto path =
      fmt::format("/pinaco/v1/cost?id={}&by={}", percent_encode(TRY(scope_of(options, connection))),
                  percent_encode(options.by));
  if (!options.month.empty()) path += "&month=" + percent_encode(options.month);
  const auto answer = TRY(connection.get(path));
  const Json* lines = find_path(answer, "value");
  if (lines == nullptr || !lines->is_array() || find_path(answer, "total") == nullptr) {
    return fail(Kind::corrupt, "The server's answer has no lines.");
  }
  console.print_json(answer);
  if (options.csv) {
    console.print(csv_of(answer));
  } else if (lines->get_array().empty()) {
    console.print("Nothing was charged.\n");
  } else {
    print_lines(answer, console);
  }
  return {};
}

Result<> print_cost(const CostOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return print_cost(options, *connection, console);
}

}  // namespace pinaco::app
