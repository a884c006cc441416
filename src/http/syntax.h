// What HTTP/1.1 allows in names, values, hosts and targets (RFC 9110 section 5, RFC 9112). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pinaco::http {

bool is_token(std::string_view text);        // a method or the name of a field
bool is_field_value(std::string_view text);  // no CR, LF, NUL or other control but tab
bool is_host(std::string_view text);         // "name", "name:port", "[::1]:port"; not empty
std::string_view reason_phrase(int status);

// "/a/b?c" of "/a/b?c" and of "https://host/a/b?c"; nullopt for anything else. The second form's
// host must be `host`: two names for the place of one request are a way to smuggle.
std::optional<std::string> origin_form(std::string_view target, std::string_view host);

}  // namespace pinaco::http
