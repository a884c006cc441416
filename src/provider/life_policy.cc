// What becomes of images by themselves: the server's setting, and the tags of galleries and
// definitions that override it. Whoever may not delete versions may not do so by a tag either.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/galleries.h"

namespace pinaco::provider {
namespace {

constexpr std::pair<std::string_view, EndOfLife> words[] = {{"off", EndOfLife::off},
                                                            {"warn", EndOfLife::warn},
                                                            {"hide", EndOfLife::hide},
                                                            {"block", EndOfLife::block},
                                                            {"delete", EndOfLife::erase}};

bool read_days(LifePolicy& policy, std::string_view value) {
  const auto days = parse_int(value, 0, grace_days_max);
  if (days) policy.grace_days = static_cast<int>(*days);
  return days.has_value();
}

bool read_newest(LifePolicy& policy, std::string_view value) {
  const auto newest = parse_int(value, 0, keep_newest_max);
  if (newest) policy.keep_newest = static_cast<int>(*newest);
  return newest.has_value();
}

bool read_end(LifePolicy& policy, std::string_view value) {
  const auto end = parse_end_of_life(value);
  if (end) policy.end_of_life = *end;
  return end.has_value();
}

bool read_in_use(LifePolicy& policy, std::string_view value) {
  policy.in_use = iequals(value, "true");
  return policy.in_use || iequals(value, "false");
}

bool read_tagged(LifePolicy& policy, std::string_view value) {
  if (!check_keep_tagged(value)) return false;
  policy.keep_tagged = value;
  return true;
}

struct Setting {
  std::string_view tag;
  std::string_view values;
  bool (*read)(LifePolicy& policy, std::string_view value);
};

constexpr Setting settings[] = {
    {"pinaco-end-of-life", "off, warn, hide, block or delete", read_end},
    {"pinaco-grace-days", "a number of days from 0 to 3650", read_days},
    {"pinaco-expire-in-use", "true or false", read_in_use},
    {"pinaco-keep-newest", "a number of versions from 0 (all stay) to 10000", read_newest},
    {"pinaco-keep-tagged", "NAME or NAME=VALUE, several with commas", read_tagged},
};

std::string_view tag_of(const Json& tags, std::string_view name) {
  if (!tags.is_object()) return {};
  const Json* found = find_member(tags.get_object(), name);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                : std::string_view();
}

}  // namespace

std::optional<EndOfLife> parse_end_of_life(std::string_view word) {
  for (const auto& [name, meaning] : words) {
    if (iequals(name, word)) return meaning;
  }
  return std::nullopt;
}

Result<> check_keep_tagged(std::string_view text) {
  for (const auto part : split(text, ',')) {
    const auto name = trim(part.substr(0, part.find('=')));
    if (!name.empty()) continue;
    return fail(Kind::invalid, fmt::format("'{}' does not name tags: write NAME or NAME=VALUE, "
                                           "several with commas.",
                                           text.substr(0, 100)));
  }
  return {};
}

LifePolicy policy_of(const World& world, const Json& gallery_tags, const Json& definition_tags) {
  auto policy = world.life;
  for (const Json* tags : {&gallery_tags, &definition_tags}) {
    for (const auto& setting : settings) {
      const auto value = tag_of(*tags, setting.tag);
      // One that is not understood was there before this server looked at such tags.
      auto wanted = policy;
      if (!value.empty() && setting.read(wanted, value)) policy = wanted;
    }
  }
  return policy;
}

Result<> check_policy_tags(const Call& call, const arm::ResourceId& id, const Json& before,
                           const Json& after) {
  if (id.types.size() > 2 || !iequals(id.provider, "Microsoft.Compute") ||
      !iequals(id.types.front(), "galleries")) {
    return {};
  }
  for (const auto& setting : settings) {
    const auto value = tag_of(after, setting.tag);
    if (value == tag_of(before, setting.tag)) continue;
    LifePolicy unused;
    if (!value.empty() && !setting.read(unused, value)) {
      return fail(arm::invalid_parameter(
          fmt::format("tags.{}", setting.tag),
          fmt::format("The tag '{}' says what this server deletes by itself. '{}' is not {}.",
                      setting.tag, value.substr(0, 100), setting.values)));
    }
    TRY(call.access.may(call.caller, "Microsoft.Compute/galleries/images/versions/delete",
                        id.text()));
  }
  return {};
}

std::string_view ended_on(const Json& properties, std::string_view path, WallTime now) {
  const auto date = string_at(properties, path);
  const auto end = parse_iso8601(date);
  return end && *end <= now ? date : std::string_view();
}

bool is_marked(const model::Resource& row) {
  return find_path(row.internal, mark_path) != nullptr;
}

}  // namespace pinaco::provider
