#include "base/json.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serializer.hpp>
#include <boost/json/stream_parser.hpp>

#include "base/text.h"

namespace pinaco {
namespace {

// Boost keeps the last of two equal members and says nothing; a request that says a thing twice
// is ambiguous, so it is refused. This scan runs on text that already parsed.
class DuplicateScan {
 public:
  explicit DuplicateScan(std::string_view text) : text_(text) {}

  std::optional<std::string> find() {
    std::vector<std::vector<std::string>> open;
    std::vector<bool> in_object;
    bool key_next = false;
    for (at_ = 0; at_ < text_.size(); at_++) {
      switch (text_[at_]) {
        case '{':
          open.emplace_back();
          in_object.push_back(true);
          key_next = true;
          break;
        case '[':
          open.emplace_back();
          in_object.push_back(false);
          key_next = false;
          break;
        case '}':
        case ']': {
          auto& keys = open.back();
          std::ranges::sort(keys);
          const auto twice = std::ranges::adjacent_find(keys);
          if (twice != keys.end()) return *twice;
          open.pop_back();
          in_object.pop_back();
          key_next = false;
          break;
        }
        case ',':
          key_next = !in_object.empty() && in_object.back();
          break;
        case '"': {
          const std::size_t first = at_;
          for (at_++; text_[at_] != '"'; at_++) {
            if (text_[at_] == '\\') at_++;
          }
          if (key_next) {
            const auto quoted = text_.substr(first, at_ - first + 1);
            open.back().push_back(std::string(boost::json::parse(quoted).as_string()));
            key_next = false;
          }
          break;
        }
        default:
          break;
      }
    }
    return std::nullopt;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

void pretty(const Json& json, std::string& out, std::size_t depth) {
  const std::string indent(2 * depth + 2, ' ');
  const std::string outdent(2 * depth, ' ');
  if (json.is_object() && !json.get_object().empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& member : json.get_object()) {
      if (!first) out += ",\n";
      first = false;
      out += indent + boost::json::serialize(Json(member.key())) + ": ";
      pretty(member.value(), out, depth + 1);
    }
    out += "\n" + outdent + "}";
  } else if (json.is_array() && !json.get_array().empty()) {
    out += "[\n";
    bool first = true;
    for (const auto& element : json.get_array()) {
      if (!first) out += ",\n";
      first = false;
      out += indent;
      pretty(element, out, depth + 1);
    }
    out += "\n" + outdent + "]";
  } else {
    out += boost::json::serialize(json);
  }
}

// A member, made when it is not there. Looked for first: operator[] makes room for one more before
// it looks, which moves all the others even where nothing is added.
Json& member_of(JsonObject& object, std::string_view name) {
  Json* there = object.if_contains(name);
  return there != nullptr ? *there : object[name];
}

Json* make_parent(Json& json, std::vector<std::string_view>& parts) {
  Json* at = &json;
  for (std::size_t i = 0; i + 1 < parts.size(); i++) {
    if (!at->is_object()) *at = JsonObject();
    at = &member_of(at->get_object(), parts[i]);
  }
  if (!at->is_object()) *at = JsonObject();
  return at;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::json::stream_parser parser({}, options);
  boost::system::error_code error;
  const std::size_t read = parser.write_some(text.data(), text.size(), error);
  if (!error && read < text.size() &&
      text.find_first_not_of(" \t\r\n", read) != std::string_view::npos) {
    return fail(Kind::invalid,
                fmt::format("there is text after the JSON document, at byte {}", read));
  }
  if (!error) parser.finish(error);
  if (error) return fail(Kind::invalid, fmt::format("{} at byte {}", error.message(), read));
  Json json = parser.release();
  if (const auto twice = DuplicateScan(text).find()) {
    return fail(Kind::invalid, fmt::format("the member '{}' appears twice", *twice));
  }
  return json;
}

std::string to_text(const Json& json) {
  return boost::json::serialize(json);
}

std::string to_pretty(const Json& json) {
  std::string out;
  pretty(json, out, 0);
  return out;
}

const Json* find_member(const JsonObject& object, std::string_view name) {
  if (const Json* exact = object.if_contains(name)) return exact;
  for (const auto& member : object) {
    if (iequals(member.key(), name)) return &member.value();
  }
  return nullptr;
}

const Json* find_path(const Json& json, std::string_view path) {
  const Json* at = &json;
  for (const auto part : split(path, '.')) {
    if (!at->is_object()) return nullptr;
    at = find_member(at->get_object(), part);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string_view string_at(const Json& json, std::string_view path) {
  const Json* found = find_path(json, path);
  if (found == nullptr || !found->is_string()) return {};
  return {found->get_string().data(), found->get_string().size()};
}

std::int64_t int_at(const Json& json, std::string_view path, std::int64_t otherwise) {
  const Json* found = find_path(json, path);
  if (found == nullptr) return otherwise;
  if (found->is_int64()) return found->get_int64();
  if (found->is_uint64() && found->get_uint64() <= INT64_MAX) {
    return static_cast<std::int64_t>(found->get_uint64());
  }
  return otherwise;
}

bool bool_at(const Json& json, std::string_view path, bool otherwise) {
  const Json* found = find_path(json, path);
  return found != nullptr && found->is_bool() ? found->get_bool() : otherwise;
}

void set_value(Json& json, std::string_view path, Json value) {
  auto parts = split(path, '.');
  member_of(make_parent(json, parts)->get_object(), parts.back()) = std::move(value);
}

void erase_path(Json& json, std::string_view path) {
  auto parts = split(path, '.');
  Json* at = &json;
  for (std::size_t i = 0; i + 1 < parts.size(); i++) {
    if (!at->is_object()) return;
    at = at->get_object().if_contains(parts[i]);
    if (at == nullptr) return;
  }
  if (at->is_object()) at->get_object().erase(parts.back());
}

}  // namespace pinaco
