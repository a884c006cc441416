// Inside this room only: the paths and bodies of what is asked of deployments.
#pragma once

#include <set>

#include "deploy/engine.h"

namespace pinaco::deploy {

struct Asked {
  std::string scope;   // as it came: "/subscriptions/s/resourceGroups/g"; "" is the tenant's
  std::string name;    // empty: the list
  std::string action;  // "validate", "operations", …; empty: the deployment itself
  std::string item;    // "operations/{item}"
};
std::optional<Asked> parse_path(std::string_view path);

// Of a PUT, validate or whatIf: a record that is not kept yet, and its template.
struct Wanted {
  Record record;
  Json text;
  Json parameters;
  Json given;        // parameters as evaluated, secure ones too
  std::string link;  // the text came from there, with what signs it; empty: it came along
  std::unique_ptr<templates::Template> plan;
};
Result<Wanted> read_body(const Engine& engine, const provider::Call& call, const Asked& asked);
// Types and api-versions that this server does not have: InvalidTemplateDeployment.
Result<> preflight(const Wanted& wanted);

// finish.cc: what mode Complete deletes of a group, children first.
Result<std::vector<arm::ResourceId>> others_in(const model::View& view,
                                               const arm::ResourceId& group,
                                               const std::set<std::string>& named);

// what_if.cc
Result<provider::Outcome> what_if(Engine& engine, const provider::Call& call, const Asked& asked);
// export.cc: POST resourcegroups/{group}/exportTemplate
Result<provider::Outcome> export_group(const Engine& engine, const provider::Call& call,
                                       std::string_view scope);

}  // namespace pinaco::deploy
