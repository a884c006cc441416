#include "app/remove_cascade.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/reference.h"
#include "app/report.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::string_view deletions = "/pinaco/v1/deletions";

std::string counted(std::int64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

// "1.2 GiB (northeurope 0.4 GiB, westeurope 0.8 GiB)"
std::string bytes_text(const Json& plan, const char* member) {
  auto text = size_text(plan, fmt::format("{}.bytes", member));
  const Json* regions = find_path(plan, fmt::format("{}.regions", member));
  if (regions == nullptr || !regions->is_object() || regions->get_object().size() < 2) return text;
  std::vector<std::string> parts;
  for (const auto& region : regions->get_object()) {
    parts.push_back(fmt::format("{} {}", std::string_view(region.key()),
                                size_text(*regions, std::string_view(region.key()))));
  }
  return fmt::format("{} ({})", text, join(parts, ", "));
}

// All that there is to know before one says yes.
std::string plan_text(const Json& plan, const arm::ResourceId& id) {
  const auto restorable = int_at(plan, "restorable");
  const auto staying = int_at(plan, "definitionsStaying");
  const bool whole = id.types.size() == 1;
  std::string text = fmt::format("{}: {} go{}.\n", id.nested_name(), what_goes(plan),
                                 staying > 0 ? ""
                                 : whole     ? ", and the gallery"
                                             : "");
  if (const auto before = int_at(plan, "deletedBefore"); before > 0) {
    text += fmt::format("With them {} that could be restored.\n", counted(before, "version"));
  }
  const bool known = find_path(plan, "frees.bytes") != nullptr;
  text += known ? fmt::format("This frees {}.\n", bytes_text(plan, "frees"))
                : "How much this frees is not known: the server cannot read all that it has "
                  "stored.\n";
  if (staying == 0) return text;
  text += fmt::format(
      "The gallery has soft delete: {} of the versions can be restored until {}, and so {} and "
      "the gallery stay.\n",
      restorable, string_at(plan, "restorableUntil").substr(0, 10), counted(staying, "definition"));
  if (find_path(plan, "freesInTheEnd.bytes") != nullptr) {
    text +=
        fmt::format("{} come back once none can be restored; with --for-good they come back now.\n",
                    bytes_text(plan, "freesInTheEnd"));
  }
  return text;
}

// Nothing goes while one of these is there.
Error obstacles_error(const Json& plan, const Json& obstacles) {
  std::string text =
      fmt::format("Nothing was deleted. {} in the way:",
                  int_at(plan, "obstaclesFound") == 1
                      ? "One thing stands"
                      : fmt::format("{} things stand", int_at(plan, "obstaclesFound")));
  bool in_use = false;
  bool denied = true;
  for (const Json& each : obstacles.get_array()) {
    const auto message = string_at(each, "message");
    text += fmt::format("\n  {}: {}", string_at(each, "name"), message);
    in_use = in_use || message.contains("is in use");
    denied = denied && string_at(each, "code") == "AuthorizationFailed";
  }
  const auto shown = static_cast<std::int64_t>(obstacles.get_array().size());
  if (const auto more = int_at(plan, "obstaclesFound") - shown; more > 0) {
    text += fmt::format("\n  and {} more", more);
  }
  if (in_use) {
    text +=
        "\nWhat runs goes on without its version; a scale set cannot add instances then. "
        "--in-use deletes those versions, too.";
  }
  return Error{.kind = denied ? Kind::denied : Kind::conflict, .message = std::move(text)};
}

Result<> check_wanted(const DeleteOptions& options, const AskUser& ask, const std::string& text,
                      Console& console) {
  if (options.yes) {
    console.note(text.substr(0, text.size() - 1));
    return {};
  }
  if (!ask) {
    return fail(Kind::invalid,
                fmt::format("Nothing was deleted. With --yes, this would be:\n{}", text));
  }
  console.note(text.substr(0, text.size() - 1));
  if (TRY(ask("Delete all this? [y/N] "))) return {};
  return fail(Kind::cancelled, "Nothing was deleted.");
}

// Whose right to follow it went with the gallery finds no operation, and no gallery either.
Result<> follow(Connection& connection, const Reply& reply, const arm::ResourceId& id,
                Console& console) {
  const auto total = static_cast<std::uint64_t>(int_at(reply.body, "total", 1));
  const auto ended = connection.finish(reply, false, [&](const Json& status) -> Result<> {
    const auto percent =
        string_at(status, "status") == "Succeeded" ? 100 : int_at(status, "percentComplete");
    const Bar bar{.label = "deleting",
                  .done = static_cast<std::uint64_t>(percent) * total / 100,
                  .total = total,
                  .state = fmt::format("of {}", total)};
    console.show({bar});
    return {};
  });
  console.settle();
  if (ended) return {};
  auto error = ended.error();
  if (error.kind == Kind::not_found && !TRY(connection.find(path_of(id)))) return {};
  if (error.kind == Kind::cancelled) {
    error.message = fmt::format(
        "Stopped. The server goes on deleting {}; the same command shows "
        "how far it is.",
        id.nested_name());
  }
  return std::unexpected(std::move(error));
}

// Asked about, but not for: by now it may have ended, and another one would be a new deletion.
Result<> follow_begun(const DeleteOptions& options, Connection& connection,
                      const arm::ResourceId& id, const Json& plan, Console& console) {
  const bool for_good = bool_at(plan, "forGood");
  const bool in_use = bool_at(plan, "inUse");
  console.note(fmt::format("{} is being deleted already{}{}.", id.nested_name(),
                           for_good ? ", for good" : "",
                           in_use ? ", also what machines and scale sets were made of" : ""));
  if ((options.for_good && !for_good) || (options.in_use && !in_use)) {
    return fail(
        Kind::conflict,
        fmt::format("{} is being deleted already, without {}. Wait until that has ended, "
                    "and delete what is left.",
                    id.nested_name(), options.for_good && !for_good ? "--for-good" : "--in-use"));
  }
  Reply begun{.status = 202, .body = plan};
  begun.headers.add("Azure-AsyncOperation", std::string(string_at(plan, "operation")));
  return follow(connection, begun, id, console);
}

Result<> begin(const DeleteOptions& options, Connection& connection, const arm::ResourceId& id,
               const Json& plan, const AskUser& ask, Console& console) {
  const Json* obstacles = find_path(plan, "obstacles");
  if (obstacles != nullptr && obstacles->is_array() && !obstacles->get_array().empty()) {
    return fail(obstacles_error(plan, *obstacles));
  }
  TRY(check_wanted(options, ask, plan_text(plan, id), console));
  const Json body =
      JsonObject{{"id", id.text()}, {"forGood", options.for_good}, {"inUse", options.in_use}};
  auto reply = connection.send("POST", deletions, &body);
  if (reply) return follow(connection, *reply, id, console);
  // A first attempt whose answer was lost may have been done to its end.
  if (reply.error().kind == Kind::not_found) return {};
  return std::unexpected(std::move(reply.error()));
}

}  // namespace

std::string what_goes(const Json& plan) {
  const auto definitions = int_at(plan, "definitions") + int_at(plan, "definitionsStaying");
  return fmt::format("{} with {}", counted(definitions, "definition"),
                     counted(int_at(plan, "versions"), "version"));
}

bool is_empty(const Json& plan, const arm::ResourceId& id) {
  const auto definitions = int_at(plan, "definitions") + int_at(plan, "definitionsStaying");
  return int_at(plan, "versions") == 0 && int_at(plan, "definitionsStaying") == 0 &&
         int_at(plan, "deletedBefore") == 0 && (definitions == 0 || id.types.size() == 2);
}

Result<Json> deletion_plan(const DeleteOptions& options, Connection& connection,
                           const arm::ResourceId& id) {
  return connection.get(fmt::format("{}?id={}&forGood={}&inUse={}", deletions,
                                    percent_encode(id.text()), options.for_good, options.in_use));
}

Result<> remove_cascade(const DeleteOptions& options, Connection& connection,
                        const arm::ResourceId& id, const Json& plan, const AskUser& ask,
                        Console& console) {
  TRY(bool_at(plan, "underWay") ? follow_begun(options, connection, id, plan, console)
                                : begin(options, connection, id, plan, ask, console));
  const auto staying = int_at(plan, "definitionsStaying");
  console.print(
      fmt::format("Deleted {}{}.\n", staying > 0 ? "what was in " : "", id.nested_name()));
  JsonObject told{{"deleted", JsonArray{id.text()}},
                  {"definitions", int_at(plan, "definitions")},
                  {"versions", int_at(plan, "versions")},
                  {"restorable", int_at(plan, "restorable")}};
  if (const Json* bytes = find_path(plan, "frees.bytes")) told["freedBytes"] = *bytes;
  console.print_json(told);
  return {};
}

}  // namespace pinaco::app
