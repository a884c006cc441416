#include "deploy/links.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

constexpr std::size_t uri_bytes_max = 8 << 10;
constexpr std::string_view spec_version = "2022-02-01";

std::string without_query(std::string_view uri) {
  return std::string(uri.substr(0, uri.find_first_of("?#")));
}
std::string query_of(std::string_view uri) {
  const auto whole = uri.substr(0, uri.find('#'));
  const auto mark = whole.find('?');
  return mark == std::string_view::npos ? std::string() : std::string(whole.substr(mark + 1));
}

Error bad_link(std::string_view uri) {
  return arm::error(Kind::invalid, "InvalidContentLink",
                    fmt::format("The provided content link '{}' is invalid or not supported. "
                                "Content link must be an absolute URI not referencing local host "
                                "or UNC path.",
                                cut_text(without_query(uri), 300)));
}

Error bad_definition(std::string_view what) {
  return arm::error(Kind::invalid, "InvalidDeployment",
                    fmt::format("The deployment definition is invalid; {}.", what));
}

// "nested/network.json" and "../network.json", not what names another host.
bool is_relative(std::string_view path) {
  return !path.empty() && !path.starts_with('/') &&
         path.find_first_of(":\\?#") == std::string_view::npos &&
         std::ranges::all_of(path, [](char c) { return static_cast<unsigned char>(c) > ' '; });
}

// The URI that is meant, with its query.
Result<std::string> whole_uri(const Json& link, std::string_view member) {
  const auto uri = string_at(link, "uri");
  const auto relative = string_at(link, "relativePath");
  const auto given = string_at(link, "queryString");
  if (uri.empty() && !relative.empty()) {
    return fail(
        bad_definition(fmt::format("{} has a relativePath, which is relative to the link "
                                   "of the deployment around it, and there is none",
                                   member)));
  }
  if (uri.empty() || uri.size() + relative.size() + given.size() > uri_bytes_max) {
    return fail(bad_link(uri));
  }
  auto place = without_query(uri);
  auto query = query_of(uri);
  if (!relative.empty()) {
    const auto joined = is_relative(relative) ? templates::join_uri(place, relative) : std::nullopt;
    if (!joined) {
      return fail(bad_definition(
          fmt::format("'{}' is no relativePath of a link", cut_text(relative, 200))));
    }
    place = *joined;
    if (!given.empty()) query.clear();
  }
  if (!given.empty()) {
    query += fmt::format("{}{}", query.empty() ? "" : "&",
                         given.starts_with('?') ? given.substr(1) : given);
  }
  return query.empty() ? place : fmt::format("{}?{}", place, query);
}

// Paths in a template spec are relative to that of the template that says them.
std::string path_in_spec(std::string_view from, std::string_view relative) {
  constexpr std::string_view root = "x://x/";
  const auto joined = templates::join_uri(fmt::format("{}{}", root, from), relative);
  return joined && is_relative(relative) ? joined->substr(root.size()) : std::string(relative);
}

// The template of a template spec, or one that it links to.
Result<Linked> read_spec(const Engine& engine, const provider::Call& call, const Json& link) {
  const auto text = string_at(link, "id");
  const auto path = string_at(link, "relativePath");
  const auto id = arm::ResourceId::parse(text);
  if (!id || !id->is_resource() ||
      !iequals(id->full_type(), "Microsoft.Resources/templateSpecs/versions")) {
    return fail(
        bad_definition(fmt::format("the id '{}' of the TemplateLink is none of a template "
                                   "spec's version",
                                   cut_text(text, 300))));
  }
  if (!string_at(link, "uri").empty()) {
    return fail(bad_definition("the TemplateLink has both an id and a uri"));
  }
  Reader reader(engine.dispatch(), call.caller, call.base_url, id->subscription);
  const auto spec = TRY(reader.get(id->text(), std::string(spec_version)));
  Linked linked{.content = {},
                .shown = JsonObject{{"id", id->text()}},
                .whole = fmt::format("{}?{}", id->text(), path)};
  const Json* found = find_path(spec, "properties.mainTemplate");
  if (!path.empty()) {
    found = nullptr;
    const Json* others = find_path(spec, "properties.linkedTemplates");
    const JsonArray none;
    for (const auto& each : others != nullptr ? others->get_array() : none) {
      if (iequals(path_in_spec("", string_at(each, "path")), path_in_spec("", path))) {
        found = find_path(each, "template");
      }
    }
    linked.shown.get_object()["relativePath"] = path;
  }
  if (found == nullptr) {
    return fail(arm::error(Kind::invalid, "InvalidContentLink",
                           fmt::format("The template spec '{}' has no template '{}'.", id->text(),
                                       cut_text(path, 300))));
  }
  linked.content = *found;
  return linked;
}

Result<> check_version(const Json& link, const Linked& linked, bool parameters) {
  const auto wanted = string_at(link, "contentVersion");
  const auto found = string_at(linked.content, "contentVersion");
  if (wanted.empty() || wanted == found) return {};
  return fail(arm::error(
      Kind::invalid, "InvalidTemplate",
      fmt::format("Deployment template validation failed: 'The content version contained in the {} "
                  "'{}' does not match the content version found in the deployment object's {} "
                  "property '{}': the link is '{}'. Please see https://aka.ms/arm-deploy for usage "
                  "details.'.",
                  parameters ? "parameters" : "template", cut_text(found, 40),
                  parameters ? "ParametersLink" : "TemplateLink", cut_text(wanted, 40),
                  parameters || linked.shown.as_object().contains("uri")
                      ? string_at(linked.shown, "uri")
                      : string_at(linked.shown, "id"))));
}

Result<Linked> read_uri(const Engine& engine, const provider::Call& call, const Json& link,
                        std::string_view member) {
  Linked linked;
  linked.whole = TRY(whole_uri(link, member));
  const auto place = without_query(linked.whole);
  linked.shown = JsonObject{{"uri", place}};
  if (const auto version = string_at(link, "contentVersion"); !version.empty()) {
    linked.shown.get_object()["contentVersion"] = cut_text(version, 40);
  }
  if (!place.contains("://")) return fail(bad_link(place));
  linked.content =
      TRY(engine.fetch({.uri = linked.whole, .caller = call.caller, .base_url = call.base_url}));
  if (linked.content.is_object()) return linked;
  return fail(arm::error(Kind::invalid, "InvalidTemplate",
                         fmt::format("Deployment template validation failed: 'The content of '{}' "
                                     "is not a JSON object.'.",
                                     place)));
}

}  // namespace

Result<std::optional<Linked>> follow_link(const Engine& engine, const provider::Call& call,
                                          const Json& properties, std::string_view member) {
  const Json* link = find_path(properties, member);
  if (link == nullptr || link->is_null()) return std::optional<Linked>();
  if (!link->is_object()) {
    return fail(arm::error(Kind::invalid, "InvalidRequestContent",
                           fmt::format("'properties.{}' is not an object.", member)));
  }
  const bool parameters = member == "parametersLink";
  const char* beside = parameters ? "parameters" : "template";
  if (const Json* there = find_path(properties, beside); there != nullptr && !there->is_null()) {
    return fail(bad_definition(fmt::format("it has both {} and {}", beside, member)));
  }
  for (const auto& [name, shown, since] :
       {std::array{"id", "ID", "2019-11-01"},
        std::array{"relativePath", "RelativePath", "2020-06-01"}}) {
    if (string_at(*link, name).empty() || call.api_version >= since) continue;
    return fail(bad_definition(fmt::format(
        "TemplateLink {} can only be used with api-version '{}' or later", shown, since)));
  }
  const bool of_spec = !parameters && !string_at(*link, "id").empty();
  auto linked =
      TRY(of_spec ? read_spec(engine, call, *link) : read_uri(engine, call, *link, member));
  TRY(check_version(*link, linked, parameters));
  return std::optional<Linked>(std::move(linked));
}

void give_base(Json& body, const std::string& link) {
  const Json* found = find_path(body, "properties.templateLink");
  if (link.empty() || found == nullptr || !found->is_object()) return;
  if (!string_at(*found, "uri").empty() || !string_at(*found, "id").empty() ||
      string_at(*found, "relativePath").empty()) {
    return;
  }
  if (!link.starts_with('/')) {
    set_path(body, "properties.templateLink.uri", link);
    return;
  }
  const auto mark = link.find('?');
  const auto path = path_in_spec(link.substr(mark + 1), string_at(*found, "relativePath"));
  set_path(body, "properties.templateLink.id", link.substr(0, mark));
  set_path(body, "properties.templateLink.relativePath", path);
}

void hide_signatures(Json& body) {
  for (const char* member : {"properties.templateLink", "properties.parametersLink"}) {
    const Json* link = find_path(body, member);
    if (link == nullptr || !link->is_object()) continue;
    erase_path(body, fmt::format("{}.queryString", member));
    if (const auto uri = string_at(*link, "uri"); !uri.empty()) {
      set_path(body, fmt::format("{}.uri", member), without_query(uri));
    }
  }
}

}  // namespace pinaco::deploy
