#include "templates/template_scope.h"

#include <fmt/format.h>

#include "arm/arm.h"
#include "base/text.h"
#include "templates/dates.h"
#include "templates/declared.h"
#include "templates/errors.h"
#include "templates/names.h"
#include "templates/resource_id.h"
#include "templates/words.h"

namespace pinaco::templates {
namespace {

std::unexpected<Error> not_here(std::string_view name) {
  return refuse(
      fmt::format("The template function '{}' is not expected at this location. Please "
                  "see https://aka.ms/arm-syntax for usage details.",
                  name));
}

std::unexpected<Error> bad_arguments(std::string_view name, std::string_view wanted) {
  return refuse(
      fmt::format("Unable to evaluate template language function '{}': {}. Please see "
                  "https://aka.ms/arm-functions for usage details.",
                  name, wanted));
}

bool is_text(std::span<const Json> arguments, std::size_t index) {
  return index < arguments.size() && arguments[index].is_string();
}

}  // namespace

std::optional<Result<Json>> TemplateScope::call(std::string_view name,
                                                std::span<const Json> arguments) {
  const auto& around = template_.surroundings_;
  const auto shown = [&](const Json& what) -> Result<Json> {
    if (!arguments.empty()) return bad_arguments(name, "it takes no arguments");
    if (what.is_null()) return not_here(name);
    return what;
  };
  if (name == "parameters") return parameter(arguments);
  if (name == "variables") {
    if (arguments.size() != 1 || !arguments[0].is_string()) {
      return bad_arguments(name, "it takes the name of a variable");
    }
    return template_.variable(arguments[0].get_string());
  }
  if (name == "copyindex") return copy_index(arguments);
  if (name == "resourcegroup") return shown(around.group_shown);
  if (name == "subscription") return shown(around.subscription_shown);
  if (name == "tenant") return shown(around.tenant_shown);
  if (name == "managementgroup") return shown(around.management_group_shown);
  if (name == "deployment") return shown(around.deployment);
  if (name == "environment") return shown(around.environment);
  if (name == "deployer") return shown(around.deployer);
  if (name == "resourceid") return resource_id(arguments);
  if (name == "subscriptionresourceid") return subscription_resource_id(arguments);
  if (name == "managementgroupresourceid") {
    auto id = management_group_resource_id(around.management_group, arguments);
    if (!id) return fail(id.error());
    return Json(*id);
  }
  if (name == "reference") return reference(arguments);
  if (name == "resourceinfo") return resource_info(arguments);
  if (name == "references") return not_here(name);
  if (name == "utcnow") return utc_now(arguments);
  if (name == "newguid") return new_guid();
  if (name == "pickzones") return zones(arguments);
  if (name == "providers") {
    if (!is_text(arguments, 0)) return bad_arguments(name, "it takes the name of a provider");
    if (runtime_ == nullptr) return not_here(name);
    std::string asked(arguments[0].get_string());
    if (is_text(arguments, 1)) asked += fmt::format("/{}", std::string(arguments[1].get_string()));
    return runtime_->provider(asked);
  }
  if (name.starts_with("list")) return list(name, arguments);
  if (template_.functions_.contains(name)) return template_.call_function(name, arguments);
  return std::nullopt;
}

Result<Json> TemplateScope::parameter(Arguments arguments) {
  if (arguments.size() != 1 || !arguments[0].is_string()) {
    return bad_arguments("parameters", "it takes the name of a parameter");
  }
  const std::string_view name = arguments[0].get_string();
  const auto found = template_.parameters_.find(to_lower(name));
  if (found != template_.parameters_.end()) return found->second.value;
  return refuse(
      fmt::format("The template parameter '{}' is not found. Please see "
                  "https://aka.ms/arm-syntax-parameters for usage details.",
                  cut_text(name, 100)));
}

// copyIndex(), copyIndex(offset), copyIndex('loop'), copyIndex('loop', offset).
Result<Json> TemplateScope::copy_index(Arguments arguments) {
  std::string_view name;
  std::int64_t offset = 0;
  if (is_text(arguments, 0)) {
    name = arguments[0].get_string();
    arguments = arguments.subspan(1);
  }
  if (arguments.size() > 1 || (arguments.size() == 1 && !arguments[0].is_int64())) {
    return bad_arguments("copyIndex", "it takes the name of a loop and an offset, both optional");
  }
  if (arguments.size() == 1) offset = arguments[0].get_int64();
  // Without a name the resource's loop is meant, also inside loops of its properties.
  const auto last =
      name.empty() && of_resource_ > 0
          ? std::make_reverse_iterator(loops_.begin() + static_cast<std::ptrdiff_t>(of_resource_))
          : loops_.rbegin();
  for (auto loop = last; loop != loops_.rend(); ++loop) {
    if (!name.empty() && !iequals(loop->name, name)) continue;
    std::int64_t sum = 0;
    if (__builtin_add_overflow(loop->index, offset, &sum)) {
      return bad_arguments("copyIndex", "the offset is too large");
    }
    return Json(sum);
  }
  return refuse(
      name.empty()
          ? std::string("The template language function 'copyIndex' is not expected at this "
                        "location. The function can only be used in a resource with copy "
                        "specified. Please see https://aka.ms/arm-copy for usage details.")
          : fmt::format("The template language function 'copyIndex' has an invalid argument. The "
                        "provided copy name '{}' doesn't exist in the resource.",
                        cut_text(name, 100)));
}

Result<Json> TemplateScope::resource_id(Arguments arguments) {
  const auto& around = template_.surroundings_;
  return Json(TRY(templates::resource_id(around.subscription, around.group, arguments)));
}

Result<Json> TemplateScope::subscription_resource_id(Arguments arguments) {
  const auto& around = template_.surroundings_;
  return Json(TRY(templates::subscription_resource_id(around.subscription, arguments)));
}

const Planned* TemplateScope::planned(std::string_view wanted) const {
  const auto found = template_.find_planned(wanted);
  return found.size() == 1 ? &template_.plan_[found[0]] : nullptr;
}

// reference(name or id[, api-version[, 'Full']]): the properties, or all, of what is deployed.
Result<Json> TemplateScope::reference(Arguments arguments) {
  if (!is_text(arguments, 0) || arguments.size() > 3 ||
      (arguments.size() > 1 && !is_text(arguments, 1)) ||
      (arguments.size() > 2 && !is_text(arguments, 2))) {
    return bad_arguments("reference", "it takes a name or id, an api-version and 'Full'");
  }
  if (runtime_ == nullptr) return not_here("reference");
  const std::string wanted(arguments[0].get_string());
  const auto* inside = planned(wanted);
  std::string version(arguments.size() > 1 ? std::string_view(arguments[1].get_string())
                                           : std::string_view());
  if (version.empty() && inside != nullptr) version = inside->api_version;
  const bool full = arguments.size() > 2 && iequals(arguments[2].get_string(), "Full");
  if (inside == nullptr && !wanted.starts_with('/')) {
    return refuse(
        fmt::format("The template reference '{}' is not valid: could not find template "
                    "resource or resource copy with this name. Please see "
                    "https://aka.ms/arm-function-reference for usage details.",
                    cut_text(wanted, 200)));
  }
  if (version.empty()) {
    return refuse(
        fmt::format("The reference to '{}', which is not in this template, needs an "
                    "api-version as its second argument.",
                    cut_text(wanted, 300)));
  }
  auto shown = TRY(runtime_->get(inside != nullptr ? inside->id : wanted, version));
  // Symbolic names stand for the whole resource's properties as well; 'Full' for all of it.
  if (full) return shown;
  const Json* properties = find_path(shown, "properties");
  return properties != nullptr ? *properties : Json(JsonObject());
}

Result<Json> TemplateScope::list(std::string_view name, Arguments arguments) {
  if (!is_text(arguments, 0) || !is_text(arguments, 1) || arguments.size() > 3) {
    return bad_arguments(name, "it takes a name or id, an api-version and a body");
  }
  if (runtime_ == nullptr) return not_here(name);
  const std::string wanted(arguments[0].get_string());
  const auto* inside = planned(wanted);
  return runtime_->list(std::string(name), inside != nullptr ? inside->id : wanted,
                        std::string(arguments[1].get_string()),
                        arguments.size() > 2 ? arguments[2] : Json(nullptr));
}

Result<Json> TemplateScope::resource_info(Arguments arguments) {
  if (arguments.size() != 1 || !arguments[0].is_string()) {
    return bad_arguments("resourceInfo", "it takes the symbolic name of a resource");
  }
  const auto* found = planned(arguments[0].get_string());
  if (found == nullptr) {
    return refuse(fmt::format("The resource '{}' is not defined in the template.",
                              cut_text(arguments[0].get_string(), 200)));
  }
  return Json(JsonObject{{"id", found->id},
                         {"name", found->name},
                         {"type", found->type},
                         {"apiVersion", found->api_version}});
}

Result<Json> TemplateScope::utc_now(Arguments arguments) {
  if (!template_.loading_parameters_) return not_here("utcNow");
  if (arguments.size() > 1 || (arguments.size() == 1 && !arguments[0].is_string())) {
    return bad_arguments("utcNow", "it takes a format");
  }
  return Json(TRY(format_time(
      template_.surroundings_.now,
      arguments.empty() ? utc_now_format : std::string_view(arguments[0].get_string()))));
}

Result<Json> TemplateScope::new_guid() {
  if (!template_.loading_parameters_) return not_here("newGuid");
  return Json(name_guid(fmt::format("{}/{}", template_.surroundings_.chance, template_.guids_++)));
}

// pickZones(namespace, type, location[, count[, offset]]): those of the location, or none.
Result<Json> TemplateScope::zones(Arguments arguments) {
  if (!is_text(arguments, 0) || !is_text(arguments, 1) || !is_text(arguments, 2) ||
      arguments.size() > 5) {
    return bad_arguments("pickZones",
                         "it takes a namespace, a type, a location, a count, an offset");
  }
  if (runtime_ == nullptr) return not_here("pickZones");
  std::int64_t count = 1, offset = 0;
  if (arguments.size() > 3 && arguments[3].is_int64()) count = arguments[3].get_int64();
  if (arguments.size() > 4 && arguments[4].is_int64()) offset = arguments[4].get_int64();
  if (count < 0 || count > 3 || offset < 0 || offset > 3) {
    return bad_arguments("pickZones",
                         "it picks up to three zones, from the first to the fourth on");
  }
  const auto type = TRY(runtime_->provider(fmt::format(
      "{}/{}", std::string(arguments[0].get_string()), std::string(arguments[1].get_string()))));
  JsonArray picked;
  const auto location = arm::normalize_location(arguments[2].get_string());
  if (const Json* mappings = find_path(type, "zoneMappings")) {
    for (const auto& each : mappings->get_array()) {
      if (arm::normalize_location(string_at(each, "location")) != location) continue;
      const auto& zones = find_path(each, "zones")->get_array();
      for (std::int64_t i = offset; i < offset + count && i < std::ssize(zones); ++i) {
        picked.push_back(zones[static_cast<std::size_t>(i)]);
      }
    }
  }
  return Json(std::move(picked));
}

}  // namespace pinaco::templates
