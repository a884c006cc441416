// The rules that names follow, with the texts that the cloud answers when one is broken.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::arm {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool only(std::string_view text, std::string_view also) {
  for (const char c : text) {
    if (!is_letter_or_digit(c) && also.find(c) == std::string_view::npos) return false;
  }
  return true;
}

std::ptrdiff_t characters(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; });
}

bool is_entity_name(std::string_view name, std::string_view also) {
  return !name.empty() && name.size() <= 80 && is_letter_or_digit(name.front()) &&
         is_letter_or_digit(name.back()) && only(name, also);
}

Error bad_entity(std::string_view parameter) {
  return invalid_parameter(
      std::string(parameter),
      fmt::format("The entity name '{}' is invalid according to its validation rule: "
                  "^[^_\\W][\\w-._]{{0,79}}(?<![-.])$.",
                  parameter));
}

}  // namespace

std::string normalize_location(std::string_view location) {
  std::string result;
  for (const char c : to_lower(location)) {
    if (c != ' ') result += c;
  }
  return result;
}

bool is_guid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

Result<> check_group_name(std::string_view name) {
  if (name.empty() || name.size() > 90 || !only(name, "-_.()") || name.back() == '.') {
    return fail(error(Kind::invalid, "InvalidResourceGroupName",
                      fmt::format("The provided resource group name '{}' is invalid: it may have "
                                  "up to 90 letters, digits and -_.() and must not end with a "
                                  "period.",
                                  name.substr(0, 100))));
  }
  return {};
}

Result<> check_gallery_name(std::string_view name) {
  if (!is_entity_name(name, "_.-")) return fail(bad_entity("galleryName"));
  if (name.find('-') != std::string_view::npos) {
    return fail(invalid_parameter(
        "galleryName",
        "Gallery name is invalid. Allowed characters are English alphanumeric characters, with "
        "underscores and periods allowed in the middle, up to 80 characters total. All other "
        "special characters, including dashes, are disallowed."));
  }
  return {};
}

Result<> check_definition_name(std::string_view name) {
  if (!is_entity_name(name, "_.-")) return fail(bad_entity("galleryImageName"));
  return {};
}

Result<> check_disk_name(std::string_view name, std::string_view parameter) {
  const bool end = !name.empty() && (is_letter_or_digit(name.back()) || name.back() == '_');
  if (!end || name.size() > 80 || !is_letter_or_digit(name.front()) || !only(name, "_.-")) {
    return fail(bad_entity(parameter));
  }
  return {};
}

Result<VersionNumber> parse_version_name(std::string_view name) {
  const auto parts = split(name, '.');
  VersionNumber number;
  std::int64_t* const into[] = {&number.major, &number.minor, &number.patch};
  bool good = parts.size() == 3;
  for (std::size_t i = 0; good && i < 3; i++) {
    const auto value = parse_int(parts[i], 0, INT32_MAX);
    good = value.has_value() && parts[i].front() != '-';
    if (good) *into[i] = *value;
  }
  if (!good) {
    return fail(invalid_parameter(
        "galleryImageVersionName",
        "The image version name is invalid. The image version name should follow "
        "Major(int).Minor(int).Patch(int) format, for e.g: 1.0.0, 2018.12.1 etc."));
  }
  return number;
}

Result<> check_version_name(std::string_view name) {
  TRY(parse_version_name(name));
  return {};
}

Result<> check_identifier(std::string_view member, std::string_view value) {
  const std::size_t bytes_max = member == "publisher" ? 128 : 64;
  if (value.empty() || value.size() > bytes_max || !only(value, "-._") || value.back() == '.') {
    const auto path = fmt::format("galleryImage.properties.identifier.{}", member);
    return fail(invalid_parameter(
        path,
        fmt::format("Asset name {} is not valid. It cannot be empty. Allowed characters are "
                    "uppercase or lowercase letters, digits, hyphen(-), period (.), underscore "
                    "(_). Names are not allowed to end with period(.). The length of the name "
                    "cannot exceed {} characters.",
                    path, bytes_max)));
  }
  return {};
}

Result<> check_tags(const Json& tags) {
  if (!tags.is_object()) {
    return fail(
        error(Kind::invalid, "InvalidRequestContent", "The tags must be an object.", "tags"));
  }
  if (tags.get_object().size() > 50) {
    return fail(error(Kind::invalid, "TooManyTags",
                      "The resource has more than 50 tags; remove some.", "tags"));
  }
  std::set<std::string> names;
  for (const auto& tag : tags.get_object()) {
    const std::string_view name(tag.key().data(), tag.key().size());
    if (name.empty() || characters(name) > 512 || name.find_first_of("<>%&\\?/") != name.npos) {
      return fail(error(Kind::invalid, "InvalidTagNameCharacters",
                        fmt::format("The tag name '{}' is invalid: 1 to 512 characters without "
                                    "<>%&\\?/.",
                                    cut_text(name, 100)),
                        "tags"));
    }
    if (!tag.value().is_string() || characters(tag.value().get_string()) > 256) {
      return fail(error(Kind::invalid, "InvalidTagValueLength",
                        fmt::format("The value of tag '{}' must be a string of up to 256 "
                                    "characters.",
                                    name),
                        "tags"));
    }
    if (names.insert(to_lower(name)).second) continue;
    return fail(error(Kind::invalid, "DuplicateTagName",
                      fmt::format("The tag name '{}' is there twice: names of tags are the same in "
                                  "any casing.",
                                  cut_text(name, 100)),
                      "tags"));
  }
  return {};
}

}  // namespace pinaco::arm
