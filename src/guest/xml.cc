#include "guest/xml.h"

#include <fmt/format.h>

#include <utility>

namespace pinaco::guest {
namespace {

constexpr std::pair<std::string_view, char> entities[] = {{"&amp;", '&'},   {"&lt;", '<'},
                                                          {"&gt;", '>'},    {"&quot;", '"'},
                                                          {"&apos;", '\''}, {"&#39;", '\''}};

}  // namespace

std::string xml_unescape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    std::size_t used = 1;
    char c = text.front();
    for (const auto& [entity, meaning] : entities) {
      if (!text.starts_with(entity)) continue;
      used = entity.size();
      c = meaning;
    }
    result += c;
    text.remove_prefix(used);
  }
  return result;
}

std::string_view xml_element(std::string_view document, std::string_view name) {
  const auto open = fmt::format("<{}>", name);
  const auto close = fmt::format("</{}>", name);
  const auto first = document.find(open);
  if (first == document.npos) return "";
  const auto rest = document.substr(first + open.size());
  const auto end = rest.find(close);
  return end == rest.npos ? std::string_view() : rest.substr(0, end);
}

}  // namespace pinaco::guest
