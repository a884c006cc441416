// Validation, merge and projection by table.
#include "provider/schema.h"

#include <fmt/format.h>

#include "arm/arm.h"
#include "base/clock.h"
#include "base/text.h"

namespace pinaco::provider {
namespace {

// Rows hold what is free some levels deeper than requests do, and must be read back.
constexpr int free_depth_max = 24;

bool is_deeper(const Json& value, int levels) {
  if (levels == 0) return true;
  if (value.is_array()) {
    for (const Json& each : value.get_array()) {
      if (is_deeper(each, levels - 1)) return true;
    }
  } else if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      if (is_deeper(member.value(), levels - 1)) return true;
    }
  }
  return false;
}

bool exists_in(const Member& member, std::string_view api_version) {
  return member.since <= api_version && (member.until.empty() || api_version <= member.until);
}

std::string_view last_part(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

bool equal_leaf(const Json& a, const Json& b) {
  if (a.is_string() && b.is_string()) {
    return iequals({a.get_string().data(), a.get_string().size()},
                   {b.get_string().data(), b.get_string().size()});
  }
  return a == b;
}

// Null, or an object or list with nothing in it: clients send back the shells of what they
// blanked.
bool says_nothing(const Json& json) {
  if (json.is_null()) return true;
  if (json.is_array()) return json.get_array().empty();
  if (!json.is_object()) return false;
  for (const auto& member : json.get_object()) {
    if (!says_nothing(member.value())) return false;
  }
  return true;
}

// Whether everything said in `incoming` is already so in `current`; what is not said agrees.
bool agrees(const Json& incoming, const Json& current) {
  if (says_nothing(incoming)) return true;
  if (incoming.is_object()) {
    if (!current.is_object()) return false;
    for (const auto& member : incoming.get_object()) {
      const Json* mine = find_member(current.get_object(), member.key());
      if (!agrees(member.value(), mine == nullptr ? Json(nullptr) : *mine)) return false;
    }
    return true;
  }
  if (incoming.is_array()) {
    if (!current.is_array() || current.get_array().size() != incoming.get_array().size()) {
      return false;
    }
    for (std::size_t i = 0; i < incoming.get_array().size(); i++) {
      if (!agrees(incoming.get_array()[i], current.get_array()[i])) return false;
    }
    return true;
  }
  return equal_leaf(incoming, current);
}

class Acceptor {
 public:
  Acceptor(const Schema& schema, std::string_view label, std::string_view api_version)
      : schema_(schema), label_(label), api_version_(api_version) {}

  // Checks and canonicalises what a client sent.
  Result<Json> clean(const std::string& path, const Json& value) {
    const Member* member = find(path);
    CHECK(member != nullptr);
    return clean_as(*member, path, value);
  }

  Result<JsonObject> clean_object(const std::string& path, const JsonObject& object) {
    JsonObject result;
    for (const auto& entry : object) {
      const std::string key(entry.key());
      const std::string below = path.empty() ? key : path + "." + key;
      if (entry.value().is_null()) continue;
      const Member* member = find(below);
      if (member == nullptr) return fail(unknown(key, path, below));
      if (member->access == Access::read_only) continue;
      auto value = TRY(clean_as(*member, std::string(member->path), entry.value()));
      if (value.is_null()) continue;
      const auto name = last_part(member->path);
      if (result.contains(name)) {
        return fail(arm::error(
            Kind::invalid, "InvalidRequestContent",
            fmt::format("The member '{}' appears twice. Path 'properties.{}'.", name, below)));
      }
      result[name] = std::move(value);
    }
    return result;
  }

 private:
  const Member* find(std::string_view path) const {
    for (const Member& member : schema_.members) {
      if (iequals(member.path, path) && exists_in(member, api_version_)) return &member;
    }
    return nullptr;
  }

  Error unknown(std::string_view key, std::string_view path, std::string_view below) const {
    const auto owner =
        path.empty() ? std::string(label_) + "Properties" : std::string(last_part(path));
    return arm::error(Kind::invalid, "BadRequest",
                      fmt::format("Could not find member '{}' on object of type '{}'. Path "
                                  "'properties.{}'.",
                                  key, owner, below),
                      fmt::format("properties.{}", below));
  }

  std::string full(std::string_view path) const {
    return fmt::format("{}.properties.{}", label_, path);
  }

  Error wrong(std::string_view path, std::string_view wanted) const {
    return arm::invalid_parameter(
        full(path), fmt::format("The value of parameter {} is invalid: {}.", full(path), wanted));
  }

  Result<Json> clean_as(const Member& member, const std::string& path, const Json& value) {
    switch (member.shape) {
      case Shape::text:
        return clean_text(member, path, value);
      case Shape::number: {
        if (value.is_int64()) return value;
        if (value.is_uint64()) return fail(wrong(path, "the number is too large"));
        if (value.is_string()) {  // quick-start templates send numbers as texts
          const auto& text = value.get_string();
          if (const auto number = parse_int({text.data(), text.size()}, INT64_MIN, INT64_MAX)) {
            return Json(*number);
          }
        }
        return fail(wrong(path, "a whole number is expected"));
      }
      case Shape::boolean: {
        if (value.is_bool()) return value;
        if (value.is_string()) {
          const std::string_view text(value.get_string().data(), value.get_string().size());
          if (iequals(text, "true")) return Json(true);
          if (iequals(text, "false")) return Json(false);
        }
        return fail(wrong(path, "true or false is expected"));
      }
      case Shape::date:
        return clean_date(path, value);
      case Shape::object: {
        if (!value.is_object()) return fail(wrong(path, "an object is expected"));
        auto object = TRY(clean_object(path, value.get_object()));
        if (object.empty()) return Json(nullptr);
        return Json(std::move(object));
      }
      case Shape::list: {
        if (!value.is_array()) return fail(wrong(path, "a list is expected"));
        JsonArray list;
        for (const Json& element : value.get_array()) {
          if (element.is_null()) continue;
          list.push_back(TRY(clean(path + "[]", element)));
        }
        return Json(std::move(list));
      }
      case Shape::free:
        TRY(check_depth(value, full(path)));
        return value;
    }
    return Json(nullptr);
  }

  Result<Json> clean_text(const Member& member, const std::string& path, const Json& value) {
    if (!value.is_string()) return fail(wrong(path, "a text is expected"));
    const std::string_view text(value.get_string().data(), value.get_string().size());
    if (text.size() > 8192) return fail(wrong(path, "it has more than 8192 bytes"));
    if (member.values.empty()) return value;
    for (const auto allowed : split(member.values, '|')) {
      if (iequals(allowed, text)) return Json(allowed);
    }
    std::string list(member.values);
    for (std::size_t at; (at = list.find('|')) != std::string::npos;) list.replace(at, 1, ", ");
    return fail(wrong(path, fmt::format("'{}' is not one of {}", text.substr(0, 100), list)));
  }

  Result<Json> clean_date(const std::string& path, const Json& value) {
    const bool is_text = value.is_string();
    const auto time = is_text
                          ? parse_iso8601({value.get_string().data(), value.get_string().size()})
                          : std::nullopt;
    if (!time) {
      return fail(
          arm::error(Kind::invalid, "BadRequest",
                     fmt::format("Could not convert string to DateTimeOffset: {}. Path "
                                 "'properties.{}'.",
                                 is_text ? std::string(value.get_string()) : to_text(value), path),
                     full(path)));
    }
    // An offset can carry a date out of the four-digit years, which nobody could read back.
    auto canonical = to_iso8601(*time);
    if (!parse_iso8601(canonical)) return fail(wrong(path, "the year is out of range"));
    return Json(std::move(canonical));
  }

  const Schema& schema_;
  std::string_view label_;
  std::string_view api_version_;
};

// Members that hold something themselves and are not inside a list.
bool is_leaf(const Member& member) {
  return member.shape != Shape::object && member.path.find("[]") == std::string_view::npos;
}

Json project_value(const Schema& schema, std::string_view api_version, const std::string& path,
                   const Json& value);

JsonObject project_object(const Schema& schema, std::string_view api_version,
                          const std::string& path, const JsonObject& object) {
  JsonObject result;
  for (const auto& entry : object) {
    const std::string below =
        path.empty() ? std::string(entry.key()) : path + "." + std::string(entry.key());
    for (const Member& member : schema.members) {
      if (!iequals(member.path, below) || !exists_in(member, api_version)) continue;
      result[entry.key()] = project_value(schema, api_version, below, entry.value());
      break;
    }
  }
  return result;
}

Json project_value(const Schema& schema, std::string_view api_version, const std::string& path,
                   const Json& value) {
  const auto is_free = [&](std::string_view wanted) {
    for (const Member& member : schema.members) {
      if (iequals(member.path, wanted)) return member.shape == Shape::free;
    }
    return true;
  };
  if (is_free(path)) return value;
  if (value.is_object()) return project_object(schema, api_version, path, value.get_object());
  if (value.is_array()) {
    JsonArray list;
    for (const Json& element : value.get_array()) {
      list.push_back(project_value(schema, api_version, path + "[]", element));
    }
    return list;
  }
  return value;
}

}  // namespace

Result<> check_depth(const Json& value, std::string_view path) {
  if (!is_deeper(value, free_depth_max)) return {};
  return fail(
      arm::error(Kind::invalid, "InvalidRequestContent",
                 fmt::format("'{}' is nested more than {} levels deep.", path, free_depth_max),
                 std::string(path)));
}

Result<JsonObject> accept(const Schema& schema, std::string_view label,
                          std::string_view api_version, const Json& incoming, const Json& current,
                          Update update) {
  if (!incoming.is_null() && !incoming.is_object()) {
    return fail(arm::error(Kind::invalid, "InvalidRequestContent",
                           "The request content was invalid and could not be deserialized: "
                           "'properties' must be an object."));
  }
  Acceptor acceptor(schema, label, api_version);
  const JsonObject none;
  Json said = TRY(acceptor.clean_object("", incoming.is_null() ? none : incoming.get_object()));
  if (update == Update::create) return said.get_object();

  Json result = JsonObject();
  for (const Member& member : schema.members) {
    if (!is_leaf(member)) continue;
    const std::string path(member.path);
    const Json* wanted = find_path(said, path);
    const Json* stored = find_path(current, path);
    // What this api-version cannot say, it cannot take away either.
    const bool sayable = exists_in(member, api_version);
    switch (member.access) {
      case Access::fixed:
        if (wanted != nullptr && !agrees(*wanted, stored == nullptr ? Json(nullptr) : *stored)) {
          return fail(
              arm::property_change_not_allowed(fmt::format("{}.properties.{}", label, path)));
        }
        wanted = stored;
        break;
      case Access::changeable:
        if (wanted == nullptr && (update == Update::merge || !sayable)) wanted = stored;
        break;
      case Access::read_only:
        wanted = stored;
        break;
    }
    if (wanted != nullptr) set_path(result, path, *wanted);
  }
  return result.get_object();
}

JsonObject project(const Schema& schema, std::string_view api_version,
                   const JsonObject& properties) {
  return project_object(schema, api_version, "", properties);
}

}  // namespace pinaco::provider
