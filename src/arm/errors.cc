// Errors as ARM writes them. This is the one place where an Error becomes an HTTP status.
#include <fmt/format.h>

#include "arm/arm.h"

namespace pinaco::arm {

int http_status(const Error& error) {
  switch (error.kind) {
    case Kind::invalid:
      return error.code == "UnsupportedMediaType" ? 415 : 400;
    case Kind::denied:
      // These say that we do not know who asks; the others that we do.
      for (const char* code : {"AuthenticationFailed", "InvalidAuthenticationToken",
                               "ExpiredAuthenticationToken", "InvalidAuthenticationTokenTenant"}) {
        if (error.code == code) return 401;
      }
      return 403;
    case Kind::not_found:
      return 404;
    case Kind::conflict:
      return 409;
    case Kind::quota:
      return error.code == "TooManyRequests" ? 429 : 409;
    case Kind::busy:
      // What works on it is another request of theirs, and no trouble of ours.
      return error.code == "Conflict" ? 409 : 503;
    case Kind::unavailable:
      return 503;
    case Kind::corrupt:
      return 500;
    case Kind::cancelled:
      return 409;
  }
  return 500;
}

std::string error_code(const Error& error) {
  if (!error.code.empty()) return error.code;
  switch (error.kind) {
    case Kind::invalid:
      return "InvalidParameter";
    case Kind::denied:
      return "AuthorizationFailed";
    case Kind::not_found:
      return "NotFound";
    case Kind::conflict:
      return "Conflict";
    case Kind::quota:
      return "OperationNotAllowed";
    case Kind::busy:
      return "ServerBusy";
    case Kind::unavailable:
      return "ServiceUnavailable";
    case Kind::corrupt:
      return "InternalServerError";
    case Kind::cancelled:
      return "OperationPreempted";
  }
  return "InternalServerError";
}

Json envelope(const Error& error) {
  JsonObject body;
  body["code"] = error_code(error);
  body["message"] = error.message;
  if (!error.target.empty()) body["target"] = error.target;
  if (!error.details.empty()) {
    JsonArray details;
    for (const Error& detail : error.details) {
      details.push_back(envelope(detail).get_object().at("error"));
    }
    body["details"] = std::move(details);
  }
  return JsonObject{{"error", std::move(body)}};
}

Error error(Kind kind, std::string code, std::string message, std::string target) {
  return Error{.kind = kind,
               .message = std::move(message),
               .code = std::move(code),
               .target = std::move(target)};
}

Error invalid_parameter(std::string target, std::string message) {
  return error(Kind::invalid, "InvalidParameter", std::move(message), std::move(target));
}

Error missing_parameter(std::string target) {
  auto message = fmt::format("Required parameter '{}' is missing (null).", target);
  return invalid_parameter(std::move(target), std::move(message));
}

Error resource_not_found(const ResourceId& id) {
  if (id.is_group()) return group_not_found(id.group);
  return error(Kind::not_found, "ResourceNotFound",
               fmt::format(
                   "The Resource '{}/{}' under resource group '{}' was not found. For more "
                   "details please go to https://aka.ms/ARMResourceNotFoundFix",
                   [&] {
                     std::string text = id.provider;
                     for (std::size_t i = 0; i + 1 < id.types.size(); i++) {
                       text += "/" + id.types[i] + "/" + id.names[i];
                     }
                     return text + "/" + (id.types.empty() ? "" : id.types.back());
                   }(),
                   id.name(), id.group));
}

Error group_not_found(std::string_view name) {
  return error(Kind::not_found, "ResourceGroupNotFound",
               fmt::format("Resource group '{}' could not be found.", name));
}

Error parent_not_found(const ResourceId& parent) {
  return error(Kind::not_found, "ParentResourceNotFound",
               fmt::format("Can not perform requested operation on nested resource. Parent "
                           "resource '{}' not found.",
                           parent.nested_name()));
}

Error property_change_not_allowed(std::string path) {
  auto message = fmt::format("Changing property '{}' is not allowed.", path);
  return error(Kind::conflict, "PropertyChangeNotAllowed", std::move(message), std::move(path));
}

Error out_of_range(std::string_view parameter, std::int64_t value, std::int64_t low,
                   std::int64_t high) {
  return invalid_parameter(
      std::string(parameter),
      fmt::format("The value {} of parameter {} is out of range. The value must be between {} and "
                  "{}, inclusive.",
                  value, parameter, low, high));
}

}  // namespace pinaco::arm
