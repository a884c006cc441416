// What a login request says: its form fields and its Basic credentials (RFC 6749 sections 2.3.1
// and 4.4). Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pinaco::identity {

inline constexpr std::size_t form_bytes_max = 64 << 10;
inline constexpr std::size_t form_fields_max = 64;

// A field given twice is refused, so that no two readers can see different requests.
using Form = std::map<std::string, std::string, std::less<>>;
Result<Form> parse_form(std::string_view text);
std::string_view field(const Form& form, std::string_view name);  // "" when absent

struct BasicCredentials {
  std::string id;
  std::string secret;
};
// The value of an Authorization header; nullopt when it is not Basic.
Result<std::optional<BasicCredentials>> parse_basic(std::string_view header);

// What a token is asked for: one resource, without "/.default" and trailing slashes. The scopes
// that only concern people ("openid", ...) are passed over. Empty when there is none.
Result<std::string> parse_audience(std::string_view scope_or_resource);

}  // namespace pinaco::identity
