#include "identity/form.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::identity {
namespace {

constexpr std::size_t audience_bytes_max = 512;

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\\') return false;
  }
  return true;
}

bool is_about_people(std::string_view scope) {
  for (const char* word : {"openid", "profile", "offline_access", "email"}) {
    if (scope == word) return true;
  }
  return false;
}

}  // namespace

Result<Form> parse_form(std::string_view text) {
  if (text.size() > form_bytes_max) {
    return fail(Kind::invalid, "The request body is larger than 64 KiB.");
  }
  Form form;
  std::size_t count = 0;
  for (const auto pair : split(text, '&')) {
    if (pair.empty()) continue;
    if (++count > form_fields_max) {
      return fail(Kind::invalid, "The request body has more than 64 fields.");
    }
    const auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value || name->empty()) {
      return fail(Kind::invalid,
                  "The request body is not a form: a field is not encoded as "
                  "application/x-www-form-urlencoded asks.");
    }
    if (form.contains(*name)) {
      return fail(Kind::invalid,
                  fmt::format("The request body has the field '{}' twice.", name->substr(0, 100)));
    }
    form.emplace(std::move(*name), std::move(*value));
  }
  return form;
}

std::string_view field(const Form& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::optional<BasicCredentials>> parse_basic(std::string_view header) {
  constexpr std::string_view scheme = "Basic ";
  if (!istarts_with(header, scheme)) return std::nullopt;
  const auto decoded = from_base64(header.substr(scheme.size()));
  const std::string text(decoded ? as_text(*decoded) : std::string_view());
  const auto colon = text.find(':');
  if (colon == std::string::npos) {
    return fail(Kind::invalid,
                "The Authorization header is not 'Basic' and the base64 form of "
                "client id, colon, secret.");
  }
  // RFC 6749 has both parts form-encoded before they are joined.
  auto id = percent_decode(std::string_view(text).substr(0, colon), true);
  auto secret = percent_decode(std::string_view(text).substr(colon + 1), true);
  if (!id || !secret) {
    return fail(Kind::invalid,
                "The Authorization header's client id or secret is not encoded as "
                "application/x-www-form-urlencoded asks.");
  }
  return BasicCredentials{.id = std::move(*id), .secret = std::move(*secret)};
}

Result<std::string> parse_audience(std::string_view scope_or_resource) {
  constexpr std::string_view suffix = "/.default";
  std::optional<std::string_view> wanted;
  for (auto scope : split(trim(scope_or_resource), ' ')) {
    if (scope.empty() || is_about_people(scope)) continue;
    if (scope.ends_with(suffix)) scope.remove_suffix(suffix.size());
    while (scope.ends_with('/')) scope.remove_suffix(1);
    if (wanted && *wanted != scope) {
      return fail(Kind::invalid,
                  "A token is for one resource; the scopes name several. Ask for a "
                  "token for each.");
    }
    wanted = scope;
  }
  if (!wanted) return std::string();
  if (wanted->empty() || wanted->size() > audience_bytes_max || !is_printable(*wanted)) {
    return fail(Kind::invalid, "The scope or resource is not the address or name of a resource.");
  }
  return std::string(*wanted);
}

}  // namespace pinaco::identity
