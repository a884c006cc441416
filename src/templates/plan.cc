// The plan: each resource of the template by itself, with loops unrolled and names known.
#include <fmt/format.h>

#include "arm/arm.h"
#include "base/text.h"
#include "templates/template_scope.h"
#include "templates/words.h"

namespace pinaco::templates {
namespace {

constexpr std::size_t nesting_of_resources_max = 5;

std::size_t count_segments(std::string_view text) {
  return split(text, '/').size();
}

}  // namespace

Result<> Template::lay_out() {
  const Json& resources = *find_member(*root_, "resources");
  if (resources.is_array()) {
    for (std::size_t i = 0; i < resources.get_array().size(); ++i) {
      TRY(lay_out(resources.get_array()[i], fmt::format("resources[{}]", i), "", Planned::none));
    }
    return {};
  }
  if (!resources.is_object()) {
    return fail(bad_template("'resources' is neither an array nor an object", "resources"));
  }
  for (const auto& each : resources.get_object()) {
    const std::string symbol(each.key());
    TRY(lay_out(each.value(), fmt::format("resources.{}", symbol), symbol, Planned::none));
  }
  return {};
}

Result<> Template::lay_out(const Json& json, const std::string& path, const std::string& symbol,
                           std::size_t parent) {
  if (!json.is_object()) {
    return fail(bad_template(fmt::format("'{}' is not an object", path), path));
  }
  const auto& resource = json.get_object();
  const Loops around = parent == Planned::none ? Loops() : plan_[parent].loops;
  const Json* copy = find_member(resource, "copy");
  if (copy == nullptr || copy->is_null()) {
    return lay_out_one(resource, path, symbol, parent, around, "");
  }
  if (!copy->is_object()) {
    return fail(bad_template(fmt::format("'{}.copy' is not an object", path), path));
  }
  if (parent != Planned::none) {
    return fail(bad_template(fmt::format("The resource at '{}' is inside another one and cannot "
                                         "have a copy loop. Please see "
                                         "https://aka.ms/arm-resource-loops for usage details.",
                                         path),
                             path));
  }
  const auto& loop = copy->get_object();
  auto name = TRY(string_of(loop, "name", around, path + ".copy"));
  if (name.empty()) {
    if (symbol.empty()) return fail(lacks_member("name", path + ".copy"));
    name = symbol;
  }
  TemplateScope scope(*this, around, nullptr);
  const int count = TRY(count_of(loop, scope, path + ".copy"));
  if (count == 0) empty_.insert({to_lower(name), to_lower(symbol)});
  const bool serial = iequals(string_at(*copy, "mode"), "serial");
  const auto batch = serial ? std::max<std::int64_t>(int_at(*copy, "batchSize", 1), 1) : count;
  std::vector<std::size_t> starts;
  for (int i = 0; i < count; ++i) {
    auto loops = around;
    loops.push_back({.name = name, .index = i});
    starts.push_back(plan_.size());
    TRY(lay_out_one(resource, path, symbol.empty() ? "" : fmt::format("{}[{}]", symbol, i), parent,
                    loops, name));
    // One batch after the other.
    if (!serial || i < batch) continue;
    const auto before = (i / batch - 1) * batch;
    for (auto each = before; each < before + batch; ++each) {
      plan_[starts.back()].after.push_back(starts[static_cast<std::size_t>(each)]);
    }
  }
  return {};
}

Result<> Template::lay_out_one(const JsonObject& resource, const std::string& path,
                               const std::string& symbol, std::size_t parent, const Loops& loops,
                               const std::string& loop) {
  if (plan_.size() >= resources_max) {
    return fail(bad_template(fmt::format("The number of template resources limit exceeded. Limit: "
                                         "'{}'. Please see https://aka.ms/arm-template/#resources "
                                         "for usage details",
                                         resources_max),
                             "resources"));
  }
  Planned planned{
      .symbol = symbol, .path = path, .source = &resource, .loops = loops, .parent = parent};
  planned.loop = loop;
  planned.type = TRY(string_of(resource, "type", loops, path));
  if (planned.type.empty()) return fail(lacks_member("type", path));
  planned.name = TRY(string_of(resource, "name", loops, path));
  if (planned.name.empty()) return fail(lacks_member("name", path));
  planned.api_version = TRY(string_of(resource, "apiVersion", loops, path));
  if (planned.api_version.empty()) {
    return fail(lacks_member("apiVersion", path));
  }
  if (const Json* existing = find_member(resource, "existing")) {
    planned.existing = existing->is_bool() && existing->get_bool();
  }
  if (parent != Planned::none) {
    const auto& outer = plan_[parent];
    planned.wanted = outer.wanted;
    // "images" with the name "debian" inside a gallery; the whole type and name are fine, too.
    if (!istarts_with(planned.type, outer.type + "/")) {
      planned.type = outer.type + "/" + planned.type;
      planned.name = outer.name + "/" + planned.name;
    }
  }
  if (count_segments(planned.type) != count_segments(planned.name) + 1 &&
      !names_an_extension(planned)) {
    return fail(bad_template(
        fmt::format("The template resource '{}' for type '{}' at '{}' has incorrect segment "
                    "lengths. A nested resource type must have identical number of segments as its "
                    "resource name. A root resource type must have segment length one greater than "
                    "its resource name. Please see https://aka.ms/arm-syntax-resources for usage "
                    "details.",
                    cut_text(planned.name, 200), cut_text(planned.type, 200), path),
        path));
  }
  if (const Json* condition = find_member(resource, "condition");
      condition != nullptr && planned.wanted) {
    const auto value = TRY(value_of(*condition, loops, nullptr, path + ".condition"));
    if (!value.is_bool()) {
      return fail(bad_template(fmt::format("The condition of the template resource '{}' at '{}' is "
                                           "'{}', which is neither true nor false",
                                           planned.name, path, cut_text(to_text(value), 60)),
                               path + ".condition"));
    }
    planned.wanted = value.get_bool();
  }
  planned.id = TRY(id_of(planned, resource, loops));
  const auto index = plan_.size();
  auto& same = found_by_[to_lower(planned.id)];
  for (const auto other : same) {
    if (!plan_[other].wanted || !planned.wanted || planned.existing || plan_[other].existing) {
      continue;
    }
    return fail(bad_template(fmt::format("The resource '{}' at '{}' is defined multiple times in a "
                                         "template. Please see "
                                         "https://aka.ms/arm-syntax-resources for usage details.",
                                         planned.id, path),
                             path));
  }
  same.push_back(index);
  const auto note = [&](const std::string& name) {
    if (name.empty()) return;
    auto& known = found_by_[to_lower(name)];
    if (known.empty() || known.back() != index) known.push_back(index);
  };
  note(planned.name);
  note(fmt::format("{}/{}", planned.type, planned.name));
  // resourceId() gives groups and the like the form of any other type.
  if (const auto usual = surroundings_.scope + provider_part_of(planned);
      !iequals(usual, planned.id)) {
    note(usual);
  }
  const auto part = provider_part_of(planned);
  if (part.size() > 11) note(part.substr(11));  // behind "/providers/"
  if (!loop.empty() && !iequals(loop, planned.name)) note(loop);
  if (!symbol.empty() && !iequals(symbol, planned.name)) note(symbol);
  const bool nests = find_member(resource, "resources") != nullptr && !planned.is_deployment();
  plan_.push_back(std::move(planned));
  if (!nests) return {};
  return lay_out_children(*find_member(resource, "resources"), index);
}

Result<> Template::lay_out_children(const Json& children, std::size_t parent) {
  const auto path = plan_[parent].path + ".resources";
  std::size_t deep = 0;
  for (auto at = parent; at != Planned::none; at = plan_[at].parent) ++deep;
  if (deep > nesting_of_resources_max) {
    return fail(bad_template(fmt::format("Resources at '{}' are nested more than {} deep", path,
                                         nesting_of_resources_max),
                             path));
  }
  const auto lay = [&](const Json& child, const std::string& here,
                       const std::string& symbol) -> Result<> {
    const auto index = plan_.size();
    TRY(lay_out(child, here, symbol, parent));
    if (index < plan_.size()) plan_[index].after.push_back(parent);
    return {};
  };
  if (children.is_array()) {
    for (std::size_t i = 0; i < children.get_array().size(); ++i) {
      TRY(lay(children.get_array()[i], fmt::format("{}[{}]", path, i), ""));
    }
    return {};
  }
  if (!children.is_object()) {
    return fail(bad_template(fmt::format("'{}' is neither an array nor an object", path), path));
  }
  for (const auto& child : children.get_object()) {
    TRY(lay(child.value(), fmt::format("{}.{}", path, std::string_view(child.key())),
            std::string(child.key())));
  }
  return {};
}

// "Microsoft.Compute/galleries/providers/locks" with the name "g/Microsoft.Authorization/l": how
// an extension is written without `scope`.
bool Template::names_an_extension(const Planned& planned) {
  const auto types = split(planned.type, '/');
  for (std::size_t i = 2; i + 1 < types.size(); ++i) {
    if (iequals(types[i], "providers")) return count_segments(planned.name) + 1 == types.size();
  }
  return false;
}

// "/providers/Microsoft.Compute/galleries/g/images/debian".
std::string Template::provider_part_of(const Planned& planned) {
  const auto types = split(planned.type, '/');
  const auto names = split(planned.name, '/');
  std::string text = fmt::format("/providers/{}", types[0]);
  for (std::size_t i = 1; i < types.size(); ++i) {
    text += fmt::format("/{}/{}", types[i], names[i - 1]);
  }
  return text;
}

// Where a resource is put.
Result<std::string> Template::scope_of(const Planned& planned, const JsonObject& resource,
                                       const Loops& loops) {
  if (find_member(resource, "scope") != nullptr) {
    auto found = string_of(resource, "scope", loops, planned.path);
    if (!found || found->empty()) return found ? Result<std::string>(surroundings_.scope) : found;
    return whole_scope(*found, planned.path);
  }
  if (!planned.is_deployment()) return surroundings_.scope;
  auto subscription = TRY(string_of(resource, "subscriptionId", loops, planned.path));
  const auto group = TRY(string_of(resource, "resourceGroup", loops, planned.path));
  if (subscription.empty() && group.empty()) return surroundings_.scope;
  if (subscription.empty()) subscription = surroundings_.subscription;
  if (group.empty()) return fmt::format("/subscriptions/{}", subscription);
  return fmt::format("/subscriptions/{}/resourceGroups/{}", subscription, group);
}

Result<std::string> Template::id_of(const Planned& planned, const JsonObject& resource,
                                    const Loops& loops) {
  auto scope = TRY(scope_of(planned, resource, loops));
  if (iequals(planned.type, "Microsoft.Resources/resourceGroups")) {
    return fmt::format("{}/resourceGroups/{}", scope, planned.name);
  }
  if (iequals(planned.type, "Microsoft.Management/managementGroups")) scope.clear();
  return scope + provider_part_of(planned);
}

// `scope` may be relative ("Microsoft.Compute/galleries/g"), whole ("/subscriptions/…"), or "/" for
// the tenant's own.
Result<std::string> Template::whole_scope(const std::string& own, std::string_view path) const {
  if (own == "/") return std::string();
  if (own.starts_with('/')) return own;
  if (istarts_with(own, "Microsoft.Management/managementGroups/")) return "/providers/" + own;
  const auto found = find_planned(own);
  if (found.size() == 1) return plan_[found[0]].id;
  const auto words = split(own, '/');
  if (words.size() < 3 || words.size() % 2 == 0) {
    return fail(bad_template(fmt::format("The scope '{}' at '{}' is neither an id nor "
                                         "'Provider/type/name'",
                                         cut_text(own, 200), path),
                             path));
  }
  return fmt::format("{}/providers/{}", surroundings_.scope, own);
}

}  // namespace pinaco::templates
