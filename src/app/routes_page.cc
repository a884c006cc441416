// Each operation with the api-versions it is answered for. Printed from the tables that the router
// uses, so it cannot promise more than they do.
#include "app/routes_page.h"

#include <fmt/format.h>

#include "deploy/deploy.h"
#include "provider/provider.h"

namespace pinaco::app {
namespace {

std::string path_of(const provider::ResourceType& type, bool last_name) {
  std::string path = fmt::format("…/providers/{}", type.provider);
  std::string_view rest = type.type;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const auto word = rest.substr(0, slash);
    path += fmt::format("/{}", word);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (!rest.empty() || last_name) path += "/{name}";
  }
  return path;
}

std::string span_of(std::span<const std::string_view> versions, std::string_view since = "") {
  if (versions.size() == 1) return "any";
  std::string_view first = versions.front();
  std::size_t count = versions.size();
  for (const auto version : versions) {
    if (version >= since) {
      first = version;
      break;
    }
    count--;
  }
  return fmt::format("{} to {} ({})", first, versions.back(), count);
}

void add_type(std::string& page, const provider::ResourceType& type) {
  const auto row = [&](std::string_view method, const std::string& path, std::string_view since) {
    page += fmt::format("| {} | `{}` | {} |\n", method, path, span_of(type.api_versions, since));
  };
  row("PUT", path_of(type, true), "");
  if (type.patch_since <= type.api_versions.back()) {  // some have none
    row("PATCH", path_of(type, true), type.patch_since);
  }
  row("GET", path_of(type, true), "");
  row("DELETE", path_of(type, true), "");
  row("GET (list)", path_of(type, false), "");
  if (type.type.find('/') == std::string_view::npos) {
    row("GET (list, subscription)",
        fmt::format("/subscriptions/{{subscription}}/providers/{}/{}", type.provider, type.type),
        "");
  }
  for (const auto& action : type.actions) {
    row("POST", path_of(type, true) + "/" + std::string(action.name), action.since);
  }
}

void add_extension(std::string& page, const provider::Extension& each) {
  const auto row = [&](std::string_view method, std::string_view name, provider::Handler handler) {
    if (handler == nullptr) return;
    page += fmt::format("| {} | `{{scope}}/providers/{}/{}{}` | {} |\n", method, each.provider,
                        each.type, name, span_of(each.api_versions));
  };
  row("PUT", "/{name}", each.put);
  row("PATCH", "/{name}", each.patch);
  row("GET", "/{name}", each.get);
  row("DELETE", "/{name}", each.remove);
  row("GET (list)", "", each.list);
}

}  // namespace

std::string routes_page() {
  std::string page =
      "# Routes\n\nWhat this server answers, printed by `./dev routes` from the tables that "
      "it routes by. What is\nnot here is answered with InvalidResourceType or "
      "InvalidResourceNamespace, and stands in\n[gaps.md](gaps.md). What real clients were seen to "
      "do is in [compatibility.md](compatibility.md). `…` is\n"
      "`/subscriptions/{subscription}/resourceGroups/{group}`.\n\n## Resource types\n\n"
      "| method | path | api-versions |\n|---|---|---|\n";
  for (const auto& type : provider::types()) add_type(page, type);
  page +=
      "\n## On any scope\n\n`{scope}` is nothing (the tenant), a management group, a subscription, "
      "a resource group or a resource.\n\n| method | path | api-versions |\n|---|---|---|\n";
  for (const auto& each : provider::extensions()) add_extension(page, each);
  for (const auto& way : deploy::Deployments::ways()) {
    page += fmt::format("| {} | `{{scope}}/providers/Microsoft.Resources/deployments{}` | {} |\n",
                        way.method, way.path, span_of(deploy::Deployments::api_versions()));
  }
  page += "\n## The platform\n\n| method | path | what | api-versions |\n|---|---|---|---|\n";
  for (const auto& route : provider::routes()) {
    page += fmt::format("| {} | `{}` | {} | {} |\n", route.method, route.pattern, route.about,
                        span_of(route.api_versions));
  }
  page += "\n## Accepted api-versions\n\n";
  for (const auto& type : provider::types()) {
    page += fmt::format("- `{}/{}`:", type.provider, type.type);
    for (const auto version : type.api_versions) page += fmt::format(" {}", version);
    page += "\n";
  }
  return page;
}

}  // namespace pinaco::app
