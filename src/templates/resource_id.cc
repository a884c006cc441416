#include "templates/resource_id.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "arm/arm.h"
#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"

namespace pinaco::templates {
namespace {

constexpr std::size_t id_bytes_max = 8192;

std::unexpected<Error> refused(std::string_view function, std::string_view why) {
  return refuse(
      fmt::format("Unable to evaluate template language function '{}': {}. Please see "
                  "https://aka.ms/arm-resource-functions/#{} for usage details.",
                  function, why, to_lower(function)));
}

std::vector<std::string_view> segments_of(std::string_view type) {
  auto segments = split(type, '/');
  std::erase(segments, "");
  return segments;
}

struct Parts {
  std::vector<std::string_view> before;  // of the type
  std::string tail;                      // "/providers/Microsoft.X/a/NAME/b/NAME"
};

// The only argument with a slash is the type; `before_max` may stand before it.
Result<Parts> parts_of(std::string_view function, std::span<const Json> arguments,
                       std::size_t before_max) {
  std::vector<std::string_view> texts;
  std::string listed;
  std::size_t size = 0, types = 0, at = 0;
  for (const auto& argument : arguments) {
    if (!argument.is_string()) {
      return refused(function, fmt::format("all arguments must be string literals, while one of "
                                           "type '{}' was provided",
                                           type_name(argument)));
    }
    const std::string_view text = argument.get_string();
    if (segments_of(text).size() > 1) {
      types++;
      at = texts.size();
    }
    if (!listed.empty()) listed += ",";
    listed += shown(text);
    size += text.size();
    texts.push_back(text);
    if (size > id_bytes_max) {
      return refused(function,
                     fmt::format("its arguments exceed the limit of {} characters", id_bytes_max));
    }
  }
  if (texts.size() < 2) {
    return refused(function, fmt::format("function requires at least 2 argument(s) while {} were "
                                         "provided",
                                         texts.size()));
  }
  if (types != 1) {
    return refused(function,
                   fmt::format("function requires exactly one multi-segmented argument which must "
                               "be resource type including resource provider namespace. Current "
                               "function arguments '{}'",
                               shown(listed)));
  }
  const auto segments = segments_of(texts[at]);
  const std::size_t names = texts.size() - at - 1;
  if (names != segments.size() - 1) {
    return refused(function, fmt::format("the type '{}' requires '{}' resource name argument(s)",
                                         shown(texts[at]), segments.size() - 1));
  }
  if (at > before_max) {
    return refused(function,
                   fmt::format("at most {} argument(s) may be before the type '{}', while "
                               "{} were provided",
                               before_max, shown(texts[at]), at));
  }
  Parts parts;
  parts.before.assign(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(at));
  parts.tail = fmt::format("/providers/{}", segments[0]);
  for (std::size_t i = 1; i < segments.size(); i++) {
    parts.tail += fmt::format("/{}/{}", segments[i], texts[at + i]);
  }
  return parts;
}

Result<Json> extension_resource_id(Call& call) {
  const std::string_view base = call.text(0);
  const auto parts = TRY(parts_of(call.name(), call.arguments.subspan(1), 0));
  return Result<Json>(
      Json(std::string(base.substr(0, base.find_last_not_of('/') + 1)) + parts.tail));
}

Result<Json> tenant_resource_id(Call& call) {
  return Result<Json>(Json(TRY(parts_of(call.name(), call.arguments, 0)).tail));
}

constexpr std::array functions = {
    Function{.name = "extensionResourceId", .parameters = "sss+", .pure = extension_resource_id},
    Function{.name = "tenantResourceId", .parameters = "ss+", .pure = tenant_resource_id},
};

}  // namespace

Result<std::string> resource_id(std::string_view subscription, std::string_view group,
                                std::span<const Json> arguments) {
  const auto parts = TRY(parts_of("resourceId", arguments, 2));
  if (parts.before.size() == 2) {
    subscription = parts.before[0];
    group = parts.before[1];
  } else if (parts.before.size() == 1 && group.empty() && arm::is_guid(parts.before[0])) {
    subscription = parts.before[0];
  } else if (parts.before.size() == 1) {
    group = parts.before[0];
  }
  std::string id = fmt::format("/subscriptions/{}", subscription);
  if (!group.empty()) id += fmt::format("/resourceGroups/{}", group);
  return id + parts.tail;
}

Result<std::string> subscription_resource_id(std::string_view subscription,
                                             std::span<const Json> arguments) {
  const auto parts = TRY(parts_of("subscriptionResourceId", arguments, 1));
  if (!parts.before.empty()) subscription = parts.before[0];
  return fmt::format("/subscriptions/{}{}", subscription, parts.tail);
}

Result<std::string> management_group_resource_id(std::string_view management_group,
                                                 std::span<const Json> arguments) {
  const auto parts = TRY(parts_of("managementGroupResourceId", arguments, 1));
  if (!parts.before.empty()) management_group = parts.before[0];
  if (management_group.empty()) {
    return refused("managementGroupResourceId",
                   "the deployment is in no management group; name one before the type");
  }
  return fmt::format("/providers/Microsoft.Management/managementGroups/{}{}", management_group,
                     parts.tail);
}

std::span<const Function> id_functions() {
  return functions;
}

}  // namespace pinaco::templates
