// The instance metadata service at 169.254.169.254, as a function from request to reply. Pure.
#pragma once

#include "guest/guest.h"
#include "http/http.h"

namespace pinaco::guest {

http::Reply answer_metadata(const Facts& facts, const http::Request& request);

}  // namespace pinaco::guest
