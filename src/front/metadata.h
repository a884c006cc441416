// What a client reads before it has a token: the cloud's endpoints. Inside this room only.
#pragma once

#include "front/front.h"
#include "front/target.h"

namespace pinaco::front {

// nullopt when the request is for something else.
std::optional<http::Reply> answer_metadata(const http::Request& request, const Target& target,
                                           const Parts& parts);

}  // namespace pinaco::front
