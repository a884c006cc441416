// `pinaco delete --cascade`: a gallery or a definition with all that is in it. The server does it,
// so that it goes on when this program ends; the same command finds it under way.
#pragma once

#include "app/remove.h"
#include "arm/arm.h"

namespace pinaco::app {

// What would go: /pinaco/v1/deletions. Of a gallery or a definition.
Result<Json> deletion_plan(const DeleteOptions& options, Connection& connection,
                           const arm::ResourceId& id);
// Whether there is nothing in it, not even what can be restored.
bool is_empty(const Json& plan, const arm::ResourceId& id);
// "2 definitions with 7 versions"
std::string what_goes(const Json& plan);

Result<> remove_cascade(const DeleteOptions& options, Connection& connection,
                        const arm::ResourceId& id, const Json& plan, const AskUser& ask,
                        Console& console);

}  // namespace pinaco::app
