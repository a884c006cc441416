// Templates and parameters that are elsewhere. Inside this room only.
//
// Whoever deploys names a link and what signs it. The signature is a secret: it is used once, is
// kept only while the deployment runs, for links relative to its own, and is in no answer.
#pragma once

#include "deploy/engine.h"

namespace pinaco::deploy {

struct Linked {
  Json content;
  Json shown;  // {"uri", "contentVersion"} or {"id"}, as answers have it
  // The URI with what signs it; of a template spec its version's id, '?' and the path of the linked
  // template in it, which is empty for the main one.
  std::string whole;
};
// Of `member`, "templateLink" or "parametersLink"; nullopt: there is none. Fetches it; a template
// spec is read as whoever deploys. InvalidContentLink, InvalidDeployment, InvalidTemplate when it
// is not what was meant.
Result<std::optional<Linked>> follow_link(const Engine& engine, const provider::Call& call,
                                          const Json& properties, std::string_view member);

// A nested deployment's body: one whose link is only a relative path gets what it is relative to.
void give_base(Json& body, const std::string& link);
// A nested deployment's body, as it may be shown.
void hide_signatures(Json& body);

}  // namespace pinaco::deploy
