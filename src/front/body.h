// The JSON of a request's body.
#pragma once

#include "base/json.h"
#include "http/http.h"

namespace pinaco::front {

// null when there is none. `loose` also reads what az sends with a template: its text is put into
// the request as it was written, behind a name without quotes.
Result<Json> parse_body(std::string_view text, bool loose);
// Refused when it is compressed.
Result<Json> parse_body(const http::Request& request, bool loose);

// Comments are left out, names get their quotes, and ends of lines in texts become \n. Whatever
// else is wrong stays so, for the parser to say.
std::string strict_json(std::string_view loose);

}  // namespace pinaco::front
