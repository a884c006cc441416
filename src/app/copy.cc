// The plan shown, and made so.
#include "app/copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/push_disk.h"
#include "app/push_version.h"
#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

std::string_view word_of(const arm::ResourceId& id) {
  return id.types.size() == 1 ? "gallery" : id.types.size() == 2 ? "definition" : "version";
}

std::string fate_text(const CopyStep& step) {
  std::string text;
  switch (step.fate) {
    case CopyFate::make:
      text = step.to.types.size() == 3 ? "copy" : fmt::format("make the {}", word_of(step.to));
      break;
    case CopyFate::there:
      text = "already there";
      break;
    case CopyFate::skip:
      text = "not copied";
      break;
    case CopyFate::conflict:
      text = "in the way";
      break;
  }
  return step.why.empty() ? text : fmt::format("{}: {}", text, step.why);
}

Result<> check_conflicts(const std::vector<CopyStep>& steps) {
  std::string text;
  for (const auto& step : steps) {
    if (step.fate != CopyFate::conflict) continue;
    text += fmt::format("\n  {}: {}", step.to.nested_name(), step.why);
  }
  if (text.empty()) return {};
  return fail(
      Kind::conflict,
      fmt::format("Nothing was copied.{}\nA version never changes: copy to another gallery, "
                  "definition or number, or delete what is there.",
                  text));
}

void print_plan(const std::vector<CopyStep>& steps, Console& console) {
  Table table{{"FROM", "TO", "WHAT"}};
  JsonArray rows;
  for (const auto& step : steps) {
    table.push_back({step.from.nested_name(), step.to.nested_name(), fate_text(step)});
    rows.push_back(
        JsonObject{{"from", step.from.text()}, {"to", step.to.text()}, {"what", fate_text(step)}});
  }
  console.print_table(table);
  console.print_json(rows);
}

// The group, the gallery or the definition.
Result<> make_above(Connection& connection, const CopyStep& step, Console& console) {
  if (step.to.types.size() == 1) {
    const auto group = step.to.group_id();
    if (!TRY(connection.find(path_of(group)))) {
      console.note(fmt::format("Making the group {}.", group.group));
      const Json body = JsonObject{{"location", string_at(step.body, "location")}};
      TRY(connection.run("PUT", path_of(group), &body));
    }
  }
  console.note(fmt::format("Making the {} {}{}.", word_of(step.to), step.to.nested_name(),
                           step.why.empty() ? "" : ", " + step.why));
  TRY(connection.run("PUT", fmt::format("{}?api-version={}", step.to.text(), copying_api),
                     &step.body));
  return {};
}

// What it cost: bytes that its regions did not have.
std::optional<std::uint64_t> new_bytes(Connection& connection, const arm::ResourceId& version) {
  const auto contents = get_contents(connection, version);
  if (!contents) return std::nullopt;
  std::uint64_t sum = 0;
  const Json* regions = find_path(*contents, "regions");
  if (regions == nullptr || !regions->is_array()) return std::nullopt;
  for (const Json& region : regions->get_array()) {
    sum += static_cast<std::uint64_t>(std::max<std::int64_t>(int_at(region, "storedBytes"), 0));
  }
  return sum;
}

Result<JsonObject> copy_version(Connection& connection, const CopyStep& step, Console& console) {
  const PushTarget target{.version = step.to,
                          .location = std::string(string_at(step.body, "location")),
                          .regions = {},
                          .os_type = {},
                          .generation = {}};
  auto made = make_version(connection, target, step.body, console, copying_api);
  if (!made && made.error().kind == Kind::cancelled) {
    made.error().message = fmt::format(
        "Stopped. The server goes on making {}; run the same "
        "command to copy the rest.",
        step.to.nested_name());
  }
  TRY(std::move(made));
  JsonObject row{{"from", step.from.text()}, {"to", step.to.text()}};
  const auto bytes = new_bytes(connection, step.to);
  if (bytes) row["newBytes"] = *bytes;
  console.print(fmt::format("{} is copied to {}{}{}.\n", step.from.nested_name(),
                            step.to.nested_name(),
                            bytes ? fmt::format(", {} new", human_size(*bytes)) : "",
                            step.why.empty() ? "" : ", " + step.why));
  return row;
}

}  // namespace

Result<> copy(const CopyOptions& options, Connection& connection, Console& console) {
  const auto steps = TRY(plan_copy(options, connection));
  if (options.dry_run) {
    print_plan(steps, console);
    console.note("Nothing was copied.");
    return {};
  }
  TRY(check_conflicts(steps));
  JsonArray copied;
  JsonArray there;
  JsonArray skipped;
  for (const auto& step : steps) {
    const bool version = step.to.types.size() == 3;
    if (step.fate == CopyFate::make && version) {
      copied.push_back(TRY(copy_version(connection, step, console)));
    } else if (step.fate == CopyFate::make) {
      TRY(make_above(connection, step, console));
    } else if (step.fate == CopyFate::skip) {
      console.note(fmt::format("{} is not copied: {}.", step.from.nested_name(), step.why));
      skipped.push_back(Json(step.from.text()));
    } else if (version) {
      there.push_back(Json(step.to.text()));
    }
  }
  console.print(fmt::format("{} version{} copied, {} already there{}.\n", copied.size(),
                            copied.size() == 1 ? "" : "s", there.size(),
                            skipped.empty() ? "" : fmt::format(", {} left out", skipped.size())));
  console.print_json(JsonObject{{"copied", copied}, {"alreadyThere", there}, {"skipped", skipped}});
  return {};
}

Result<> copy(const CopyOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return copy(options, *connection, console);
}

}  // namespace pinaco::app
