// Watching a version. The resource is asked rather than the operation: it survives everything.
#include "app/push_version.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::app {
namespace {

std::vector<Bar> region_bars(const Json& version) {
  std::vector<Bar> bars;
  const Json* summary = find_path(version, "properties.replicationStatus.summary");
  if (summary == nullptr || !summary->is_array()) return bars;
  for (const auto& region : summary->as_array()) {
    std::string state(string_at(region, "state"));
    if (const auto details = string_at(region, "details"); !details.empty()) {
      state += fmt::format(" ({})", details);
    }
    bars.push_back({.label = arm::normalize_location(string_at(region, "region")),
                    .done = static_cast<std::uint64_t>(int_at(region, "progress")),
                    .total = 100,
                    .state = std::move(state)});
  }
  return bars;
}

// The version once nothing works on it any more; nullopt when it is not there.
Result<std::optional<Json>> watch(Connection& connection, const PushTarget& target,
                                  Console& console) {
  Pauses pauses(connection.patience());
  bool was_busy = false;  // one that was there all the time is not worth a bar
  while (true) {
    auto version = TRY(connection.find(path_of(target.version, "$expand=ReplicationStatus")));
    if (!version) return version;
    const auto state = string_at(*version, "properties.provisioningState");
    const bool busy = state == "Creating" || state == "Updating" || state == "Deleting";
    was_busy = was_busy || busy;
    if (auto bars = region_bars(*version); was_busy && !bars.empty()) console.show(bars);
    if (!busy) {
      console.settle();
      return version;
    }
    TRY(pauses.wait("1"));
  }
}

// Why it failed, from its operation if that can be had.
Error failure(Connection& connection, const Reply& reply, const PushTarget& target) {
  const auto finished = connection.finish(reply, false);
  Error error{.kind = Kind::conflict, .message = "The server does not say why."};
  if (!finished && !finished.error().message.empty()) error = finished.error();
  error.message =
      fmt::format("The version {} was not made: {}", target.version.nested_name(), error.message);
  add_sentence(error, "Run the same command to try once more.");
  return error;
}

}  // namespace

Result<std::optional<Json>> find_made_version(Connection& connection, const PushTarget& target,
                                              Console& console) {
  auto version = TRY(watch(connection, target, console));
  if (version && string_at(*version, "properties.provisioningState") == "Succeeded") return version;
  return std::nullopt;
}

Result<> make_version(Connection& connection, const PushTarget& target, const Json& body,
                      Console& console, std::string_view api_version) {
  auto reply = connection.send(
      "PUT", fmt::format("{}?api-version={}", target.version.text(), api_version), &body);
  if (!reply) {
    // An attempt whose answer was lost may have begun it.
    if (reply.error().kind != Kind::conflict) return std::unexpected(std::move(reply.error()));
    const auto version = TRY(watch(connection, target, console));
    if (version && string_at(*version, "properties.provisioningState") == "Succeeded") return {};
    return std::unexpected(std::move(reply.error()));
  }
  const auto version = TRY(watch(connection, target, console));
  if (version && string_at(*version, "properties.provisioningState") == "Succeeded") return {};
  return std::unexpected(failure(connection, *reply, target));
}

Result<> check_contents(const Json& contents, std::string_view digest, std::string_view what) {
  const auto there = string_at(contents, "imageDigest");
  if (iequals(there, digest)) return {};
  return fail(Kind::corrupt, fmt::format("{} does not hold the bytes of the image: its digest is "
                                         "{}, and that of the image is {}.",
                                         what, there.empty() ? "unknown" : there, digest));
}

}  // namespace pinaco::app
