// The words of Azure Resource Manager: resource ids, names and their rules, error codes with
// their HTTP status and envelope. Pure: no input or output, no state; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace pinaco::arm {

// --- resource ids --------------------------------------------------------------------------------

// /subscriptions/{s}[/resourceGroups/{g}][/providers/{namespace}/{type}/{name}[/{type}/{name}...]]
// Parsed once, and then this struct is what is authorised and acted on. Casing is kept as written;
// key() is what is compared.
struct ResourceId {
  std::string subscription;
  std::string group;
  std::string provider;            // "Microsoft.Compute"
  std::vector<std::string> types;  // "galleries", "images", "versions"
  std::vector<std::string> names;  // as many as types, or one less for a collection

  // Refused with LinkedInvalidPropertyId's text: empty or dotted segments, control characters,
  // slashes in disguise, over 2,048 bytes.
  static Result<ResourceId> parse(std::string_view text);

  bool is_collection() const { return types.size() > names.size(); }
  bool is_resource() const { return !types.empty() && !is_collection(); }
  bool is_group() const { return !group.empty() && types.empty(); }
  std::string text() const;
  std::string key() const;          // lower-case text()
  std::string type() const;         // "galleries/images/versions"
  std::string full_type() const;    // "Microsoft.Compute/galleries/images/versions"
  std::string name() const;         // last name; the group's name for a group
  std::string nested_name() const;  // "gallery/image/1.0.0"
  ResourceId parent() const;  // drops the last type and name; of a top-level resource: the group
  ResourceId child(std::string type, std::string name) const;
  ResourceId group_id() const;
  bool operator==(const ResourceId& other) const { return key() == other.key(); }
};

// --- names ---------------------------------------------------------------------------------------

// "West Europe" and "westeurope" are one location.
std::string normalize_location(std::string_view location);
bool is_guid(std::string_view text);
Result<> check_group_name(std::string_view name);
Result<> check_gallery_name(std::string_view name);
Result<> check_definition_name(std::string_view name);
Result<> check_version_name(std::string_view name);
Result<> check_disk_name(std::string_view name, std::string_view parameter);
// publisher, offer or sku of an image definition.
Result<> check_identifier(std::string_view member, std::string_view value);
Result<> check_tags(const Json& tags);

struct VersionNumber {
  std::int64_t major = 0, minor = 0, patch = 0;
  auto operator<=>(const VersionNumber&) const = default;
};
Result<VersionNumber> parse_version_name(std::string_view name);

// --- errors --------------------------------------------------------------------------------------

int http_status(const Error& error);
// {"error":{"code":...,"message":...[,"target":...][,"details":[...]]}}
Json envelope(const Error& error);
std::string error_code(const Error& error);  // error.code, or the usual one of its kind

Error error(Kind kind, std::string code, std::string message, std::string target = {});
Error invalid_parameter(std::string target, std::string message);
Error missing_parameter(std::string target);
Error resource_not_found(const ResourceId& id);
Error group_not_found(std::string_view name);
Error parent_not_found(const ResourceId& parent);
Error property_change_not_allowed(std::string path);
Error out_of_range(std::string_view parameter, std::int64_t value, std::int64_t low,
                   std::int64_t high);

}  // namespace pinaco::arm
