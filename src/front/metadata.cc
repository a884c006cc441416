// Cloud metadata in the three shapes that clients ask for, by api-version, and a page for people
// who open the address in a browser.
#include "front/metadata.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::front {
namespace {

// az 2.45 registers a cloud from this shape. The ADFS-shaped login address keeps its library from
// asking a public directory about us.
Json object_shape(const Target& target) {
  const std::string& base = target.base_url;
  return JsonObject{{"galleryEndpoint", base + "/"},
                    {"graphEndpoint", base + "/"},
                    {"portalEndpoint", base + "/"},
                    {"authentication", JsonObject{{"loginEndpoint", base + "/adfs"},
                                                  {"audiences", JsonArray{Json(base + "/")}}}}};
}

JsonObject cloud_shape(const Target& target, const Parts& parts) {
  const std::string& base = target.base_url;
  const std::string host = base.substr(base.find("//") + 2);
  return JsonObject{
      {"name", "Pinaco"},
      {"portal", base},
      {"resourceManager", base + "/"},
      {"authentication", JsonObject{{"loginEndpoint", base + "/adfs"},
                                    {"audiences", JsonArray{Json(base + "/")}},
                                    {"tenant", parts.identity.directory().first_tenant()},
                                    {"identityProvider", "ADFS"}}},
      {"graph", base + "/"},
      {"graphAudience", base + "/"},
      {"microsoftGraphResourceId", base + "/"},
      {"media", base + "/"},
      {"batch", base + "/"},
      {"gallery", base + "/"},
      {"sqlManagement", base + "/"},
      {"vmImageAliasDoc", base + "/aliases.json"},
      {"activeDirectoryDataLake", base + "/"},
      {"suffixes", JsonObject{{"storage", host}, {"keyVaultDns", host}}}};
}

}  // namespace

std::optional<http::Reply> answer_metadata(const http::Request& request, const Target& target,
                                           const Parts& parts) {
  const bool read = request.method == "GET" || request.method == "HEAD";
  if (!read) return std::nullopt;
  if (target.segments.empty()) {
    http::Reply reply;
    reply.headers.add("Content-Type", "text/plain; charset=utf-8");
    reply.body = fmt::format(
        "This is Pinaco, a gallery of virtual machine images.\n\nIts interface is the Azure "
        "Resource Manager's: point az at it with\n  az cloud register -n Pinaco "
        "--endpoint-resource-manager {}/\n",
        target.base_url);
    return reply;
  }
  if (target.segments.size() == 1 && iequals(target.segments[0], "aliases.json")) {
    return json_reply(
        200,
        JsonObject{{"outputs",
                    JsonObject{{"aliases",
                                JsonObject{{"type", "object"},
                                           {"value", JsonObject{{"Linux", JsonObject()},
                                                                {"Windows", JsonObject()}}}}}}}});
  }
  if (target.segments.size() != 2 || !iequals(target.segments[0], "metadata") ||
      !iequals(target.segments[1], "endpoints")) {
    return std::nullopt;
  }
  const auto found = target.query.find("api-version");
  const std::string version = found == target.query.end() ? "2015-01-01" : found->second;
  if (version < "2018-05-01") return json_reply(200, object_shape(target));
  if (version < "2022-09-01") return json_reply(200, JsonArray{cloud_shape(target, parts)});
  return json_reply(200, cloud_shape(target, parts));
}

}  // namespace pinaco::front
