// Contents in words.
#include "app/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::app {

std::string size_text(const Json& json, std::string_view path) {
  return human_size(static_cast<std::uint64_t>(std::max<std::int64_t>(int_at(json, path), 0)));
}

std::string contents_text(const Json& contents) {
  constexpr std::int64_t block_bytes = 4096;
  const auto data = int_at(contents, "dataBlocks");
  const auto fresh = int_at(contents, "newBlocks");
  std::string text = fmt::format(
      "  image digest  {}\n  disk          {}, {} of it data\n", string_at(contents, "imageDigest"),
      size_text(contents, "sizeBytes"), human_size(static_cast<std::uint64_t>(data * block_bytes)));
  if (data > 0) {
    const double share = 100.0 * static_cast<double>(fresh) / static_cast<double>(data);
    text += fmt::format("  new           {} of {} blocks ({:.1f} %)\n", fresh, data, share);
  }
  text +=
      fmt::format("  stored        {} for the new blocks\n", size_text(contents, "storedBytes"));
  if (const auto goes = string_at(contents, "going.goes"); !goes.empty()) {
    text += fmt::format("  goes          at {}: {}\n", goes.substr(0, 16),
                        string_at(contents, "going.why"));
  }
  return text;
}

Table regions_table(const Json& contents) {
  Table table{{"REGION", "STATE", "COPIES", "ZONES", "MOVED", "STORED", "DETAILS"}};
  const Json* regions = find_path(contents, "regions");
  if (regions == nullptr || !regions->is_array()) return table;
  for (const auto& region : regions->as_array()) {
    std::string state(string_at(region, "state"));
    if (const auto progress = int_at(region, "progress", 100); progress < 100) {
      state += fmt::format(" {} %", progress);
    }
    table.push_back({std::string(string_at(region, "name")), state,
                     fmt::to_string(int_at(region, "copies")),
                     fmt::to_string(int_at(region, "zones")), size_text(region, "movedBytes"),
                     size_text(region, "storedBytes"), std::string(string_at(region, "details"))});
  }
  return table;
}

}  // namespace pinaco::app
