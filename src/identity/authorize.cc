#include "identity/authorize.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::identity {
namespace {

bool is_plain(std::string_view segment) {
  if (segment.empty() || segment == "." || segment == "..") return false;
  for (const char c : segment) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '%' || c == '\\') return false;
  }
  return true;
}

// The scope was made from a parsed id, so anything odd in it is a mistake of ours, and a refusal
// is the safe answer to it.
bool in_tenant(const Directory& directory, std::string_view scope) {
  if (!scope.starts_with('/')) return false;
  if (scope == "/") return true;
  const auto segments = split(scope.substr(1), '/');
  for (const auto segment : segments) {
    if (!is_plain(segment)) return false;
  }
  if (!iequals(segments[0], "subscriptions")) return iequals(segments[0], "providers");
  return segments.size() == 1 || directory.has_subscription(segments[1]);
}

}  // namespace

Result<> authorize(const Directory& directory, const Caller& caller, std::string_view action,
                   std::string_view scope) {
  const bool is_administrator = caller.tenant == directory.tenant() &&
                                caller.object_id == directory.administrator().object_id &&
                                caller.client_id == directory.administrator().client_id;
  if (is_administrator && !action.empty() && in_tenant(directory, scope)) return {};
  return fail(Error{
      .kind = Kind::denied,
      .message = fmt::format("The client '{}' with object id '{}' does not have authorization to "
                             "perform action '{}' over scope '{}' or the scope is invalid. If "
                             "access was recently granted, please refresh your credentials.",
                             caller.client_id, caller.object_id, action, scope),
      .code = "AuthorizationFailed"});
}

}  // namespace pinaco::identity
