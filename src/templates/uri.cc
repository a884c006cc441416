#include "templates/uri.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace pinaco::templates {
namespace {

// "http" of "http://…"; empty: none.
std::string_view scheme_of(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0) return {};
  const std::string_view scheme = uri.substr(0, colon);
  const bool good = std::ranges::all_of(scheme, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
  });
  const bool letter = (scheme[0] | 0x20) >= 'a' && (scheme[0] | 0x20) <= 'z';
  return good && letter ? scheme : std::string_view{};
}

// Without "." and ".." segments.
std::string remove_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  const auto segments = split(path, '/');
  for (std::size_t i = 0; i < segments.size(); i++) {
    const bool last = i + 1 == segments.size();
    if (segments[i] == "..") {
      if (kept.size() > 1) kept.pop_back();
      if (last) kept.emplace_back("");
    } else if (segments[i] == ".") {
      if (last) kept.emplace_back("");
    } else {
      kept.push_back(segments[i]);
    }
  }
  std::string result;
  for (std::size_t i = 0; i < kept.size(); i++) {
    if (i > 0) result += '/';
    result += kept[i];
  }
  return result;
}

}  // namespace

std::optional<std::string> join_uri(std::string_view base, std::string_view relative) {
  const std::string_view scheme = scheme_of(base);
  if (scheme.empty() || !base.substr(scheme.size() + 1).starts_with("//")) return std::nullopt;
  if (!scheme_of(relative).empty() &&
      relative.substr(scheme_of(relative).size() + 1).starts_with("//")) {
    return std::string(relative);
  }
  const std::size_t host = scheme.size() + 3;
  const std::size_t path = std::min(base.find_first_of("/?#", host), base.size());
  if (path == host) return std::nullopt;
  const std::string origin(base.substr(0, path));
  if (relative.starts_with("//")) return std::string(scheme) + ":" + std::string(relative);
  const std::size_t path_end = std::min(base.find_first_of("?#", path), base.size());
  const std::string_view base_path = base.substr(path, path_end - path);
  const std::size_t relative_end = std::min(relative.find_first_of("?#"), relative.size());
  const std::string_view relative_path = relative.substr(0, relative_end);
  const std::string_view rest = relative.substr(relative_end);
  if (relative_path.empty()) {
    return origin + (base_path.empty() ? "/" : std::string(base_path)) + std::string(rest);
  }
  std::string merged;
  if (!relative_path.starts_with('/')) {
    const std::size_t slash = base_path.rfind('/');
    merged = slash == std::string_view::npos ? "/" : std::string(base_path.substr(0, slash + 1));
  }
  merged += relative_path;
  return origin + remove_dots(merged) + std::string(rest);
}

}  // namespace pinaco::templates
