// The version that a push makes: found or made, watched until it is in every region, compared
// with what was pushed.
#pragma once

#include "app/push_target.h"

namespace pinaco::app {

// nullopt when there is none to keep: none at all, or one that failed and may be made again.
// One that is still being made is watched to its end.
Result<std::optional<Json>> find_made_version(Connection& connection, const PushTarget& target,
                                              Console& console);

// Starts the version and shows each region's progress until all are done.
Result<> make_version(Connection& connection, const PushTarget& target, const Json& body,
                      Console& console, std::string_view api_version = galleries_api);

// Corrupt when what the server has is not `digest` (64 digits).
Result<> check_contents(const Json& contents, std::string_view digest, std::string_view what);

}  // namespace pinaco::app
