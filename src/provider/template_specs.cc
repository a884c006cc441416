// Microsoft.Resources/templateSpecs and their versions. What a version holds (the template, those
// it links to, a form) may be as long as a request, and lists of resources should not read it: it
// is in facts beside the row, in pieces, which go with it.
#include "provider/template_specs.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "provider/schema.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view oldest = "2019-06-01-preview";
constexpr std::string_view second = "2021-03-01-preview";
constexpr std::string_view versions[] = {oldest, second, "2021-05-01", "2022-02-01"};
constexpr std::size_t specs_max = 500;      // of a subscription
constexpr std::size_t versions_max = 100;   // of a spec
constexpr std::size_t linked_max = 200;     // templates, of a version
constexpr std::size_t bytes_max = 2 << 20;  // of what a version holds
constexpr std::size_t piece_bytes = 400 << 10;
constexpr std::size_t name_bytes_max = 90;

constexpr Member spec_members[] = {
    {"description", Shape::text, Access::changeable},
    {"displayName", Shape::text, Access::changeable},
    {"metadata", Shape::free, Access::changeable, second},
    {"versions", Shape::free, Access::read_only},
};
constexpr Schema spec_schema{spec_members};

constexpr Member version_members[] = {
    {"description", Shape::text, Access::changeable},
    {"metadata", Shape::free, Access::changeable, second},
    {"mainTemplate", Shape::free, Access::changeable, second},
    {"linkedTemplates", Shape::free, Access::changeable, second},
    {"uiFormDefinition", Shape::free, Access::changeable, second},
    {"template", Shape::free, Access::changeable, oldest, "", oldest},
    {"artifacts", Shape::free, Access::changeable, oldest, "", oldest},
};
constexpr Schema version_schema{version_members};

// What is kept apart, and what the oldest api-version calls it.
constexpr std::pair<std::string_view, std::string_view> contents[] = {
    {"mainTemplate", "template"}, {"linkedTemplates", "artifacts"}, {"uiFormDefinition", ""}};

Error bad(std::string_view what) {
  return arm::error(Kind::invalid, "InvalidTemplateSpec",
                    fmt::format("The template spec is not valid: {}.", what));
}

std::string prefix_of(const arm::ResourceId& id) {
  return model::attached_prefix(id.key()) + "template-spec/";
}

Result<> check_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= name_bytes_max && !name.ends_with('.');
  for (const char c : name) {
    good = good && (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                    std::string_view("-_.()").contains(c));
  }
  if (good) return {};
  return fail(arm::error(Kind::invalid, "InvalidResourceName",
                         fmt::format("'{}' is no name of a template spec or a version: it has 1 to "
                                     "{} letters, digits and -_.(), and no dot at its end.",
                                     cut_text(name, 100), name_bytes_max)));
}

Result<> check_count(const Draft& draft, arm::ResourceId collection, std::size_t most,
                     std::string_view what) {
  if (draft.current) return {};
  collection.names.resize(collection.types.size() - 1);
  if (TRY(draft.change.list_all(collection)).size() < most) return {};
  return fail(arm::error(Kind::quota, "TemplateSpecLimitExceeded",
                         fmt::format("There are {} {} already, as many as there can be. Delete "
                                     "some.",
                                     most, what)));
}

Result<> prepare_spec(Draft& draft) {
  auto all = draft.wanted.id;
  all.group.clear();
  return check_count(draft, all, specs_max, "template specs in the subscription");
}

// Relative paths as the template says them, each once.
Result<> check_linked(const Json& linked) {
  if (!linked.is_array() || linked.get_array().size() > linked_max) {
    return fail(bad(fmt::format("linkedTemplates is no list of at most {}", linked_max)));
  }
  std::set<std::string> paths;
  for (const auto& each : linked.get_array()) {
    const auto path = string_at(each, "path");
    const Json* text = find_path(each, "template");
    if (path.empty() || path.size() > 1024 || text == nullptr || !text->is_object()) {
      return fail(bad("each of linkedTemplates has a path and a template"));
    }
    if (!paths.insert(to_lower(path)).second) {
      return fail(bad(fmt::format("the path '{}' is there twice", cut_text(path, 200))));
    }
  }
  return {};
}

// Takes them out of what goes into the row.
Result<JsonObject> take_contents(JsonObject& properties) {
  JsonObject taken;
  for (const auto& [name, old_name] : contents) {
    for (const auto each : {name, old_name}) {
      const auto found = properties.find(each);
      if (each.empty() || found == properties.end()) continue;
      taken[name] = std::move(found->value());
      properties.erase(found);
    }
  }
  if (const Json* text = find_member(taken, "mainTemplate");
      text != nullptr && !text->is_object()) {
    return fail(bad("mainTemplate is not an object"));
  }
  if (const Json* linked = find_member(taken, "linkedTemplates")) TRY(check_linked(*linked));
  return taken;
}

Result<> prepare_version(Draft& draft) {
  TRY(check_count(draft, draft.wanted.id, versions_max, "versions of the template spec"));
  const auto taken = TRY(take_contents(draft.wanted.properties.get_object()));
  set_path(draft.wanted.internal, "modified", to_iso8601(draft.change.now()));
  if (draft.call.method == "PATCH") {
    if (taken.empty()) return {};
    return fail(bad("PATCH changes tags; what a version holds is changed by PUT"));
  }
  const auto text = to_text(taken);
  if (text.size() > bytes_max) {
    return fail(bad(fmt::format("a version holds {} KiB at most", bytes_max >> 10)));
  }
  const auto prefix = prefix_of(draft.wanted.id);
  for (const auto& [name, piece] : TRY(draft.change.facts(prefix))) {
    TRY(draft.change.erase_fact(name));
  }
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto piece = cut_text(rest, piece_bytes);
    rest.remove_prefix(piece.size());
    TRY(draft.change.put_fact(fmt::format("{}{:03}", prefix, number++), Json(piece)));
  }
  return {};
}

Result<JsonObject> find_contents(const Call& call, const arm::ResourceId& id) {
  std::string text;
  TRY(call.model.read(id.subscription, [&](const model::View& view) -> Result<> {
    text.clear();
    for (const auto& [name, piece] : TRY(view.facts(prefix_of(id)))) {
      if (piece.is_string()) text += piece.get_string();
    }
    return {};
  }));
  if (text.empty()) return JsonObject();
  auto parsed = parse_json(text);
  if (parsed && parsed->is_object()) return std::move(parsed->get_object());
  return fail(Kind::corrupt,
              fmt::format("The content of the template spec version '{}' is damaged. "
                          "Write it anew.",
                          id.nested_name()));
}

// Lists leave out what may be long. After a PUT it is what came: the transaction has not ended.
Result<> show_version(const Call& call, const model::Resource& resource, JsonObject& properties) {
  properties.erase("provisioningState");
  if (!(call.id == resource.id) || call.method == "PATCH") return {};
  JsonObject found;
  if (call.method == "PUT") {
    if (const Json* said = find_path(call.body, "properties"); said != nullptr) {
      auto copy = said->get_object();
      found = TRY(take_contents(copy));
    }
  } else {
    found = TRY(find_contents(call, resource.id));
  }
  const bool old = call.api_version == oldest;
  for (const auto& [name, old_name] : contents) {
    const auto shown = old ? old_name : name;
    if (const Json* each = find_member(found, name); each != nullptr && !shown.empty()) {
      properties[shown] = *each;
    }
  }
  return {};
}

// $expand=versions.
Result<> show_spec(const Call& call, const model::Resource& resource, JsonObject& properties) {
  properties.erase("provisioningState");
  const auto expand = call.query.find("$expand");
  if (expand == call.query.end() || !iequals(expand->second, "versions") || call.method != "GET") {
    return {};
  }
  JsonObject shown;
  TRY(call.model.read(resource.id.subscription, [&](const model::View& view) -> Result<> {
    shown.clear();
    for (const auto& row : TRY(view.list_all(resource.id.child("versions", "")))) {
      if (row.id.names.size() < 2 || !TRY(call.may_read(row.id))) continue;
      JsonObject one{{"timeCreated", to_iso8601(row.created)},
                     {"timeModified", string_at(row.internal, "modified")}};
      if (const auto text = string_at(row.properties, "description"); !text.empty()) {
        one["description"] = text;
      }
      shown[row.id.name()] = std::move(one);
    }
    return {};
  }));
  properties["versions"] = std::move(shown);
  return {};
}

}  // namespace

const ResourceType template_specs{
    .provider = "Microsoft.Resources",
    .type = "templateSpecs",
    .api_versions = versions,
    .patch_since = oldest,
    .label = "templateSpec",
    .surface = "",
    .created_status = 201,
    .output = false,
    .schema = &spec_schema,
    .check_name = check_name,
    .prepare = prepare_spec,
    .removing = nullptr,
    .show = show_spec,
    .actions = {},
    .with_children = true,
};

const ResourceType template_spec_versions{
    .provider = "Microsoft.Resources",
    .type = "templateSpecs/versions",
    .api_versions = versions,
    .patch_since = oldest,
    .label = "templateSpecVersion",
    .surface = "",
    .created_status = 201,
    .output = false,
    .schema = &version_schema,
    .check_name = check_name,
    .prepare = prepare_version,
    .removing = nullptr,
    .show = show_version,
    .actions = {},
};

}  // namespace pinaco::provider
