#include "identity/login.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"

namespace pinaco::identity {
namespace {

constexpr std::string_view adfs = "adfs";

// What follows the tenant in a path of ours; empty for a path that is not.
std::string_view shape_of(std::string_view rest) {
  for (const std::string_view known :
       {".well-known/openid-configuration", "v2.0/.well-known/openid-configuration",
        "discovery/keys", "discovery/v2.0/keys", "discovery/instance", "oauth2/token",
        "oauth2/v2.0/token", "oauth2/authorize", "oauth2/v2.0/authorize", "oauth2/devicecode",
        "oauth2/v2.0/devicecode"}) {
    if (iequals(rest, known)) return known;
  }
  return {};
}

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  for (const auto segment : split(path, '/')) {
    if (!segment.empty()) segments.emplace_back(segment);
  }
  return segments;
}

std::string host_of(std::string_view url) {
  const auto start = url.find("://");
  if (start != std::string_view::npos) url.remove_prefix(start + 3);
  return std::string(url.substr(0, url.find('/')));
}

http::Reply json_reply(int status, const Json& body) {
  http::Reply reply;
  reply.status = status;
  reply.headers.add("Content-Type", "application/json; charset=utf-8");
  reply.headers.add("Cache-Control", "no-store, no-cache");
  reply.headers.add("Pragma", "no-cache");
  reply.headers.add("X-Content-Type-Options", "nosniff");
  reply.headers.add("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  reply.body = to_text(body);
  return reply;
}

// "Bearer" clients name their request so that both sides' logs can be compared.
std::string correlation_of(const http::Request& request, const Form& query, Random& random) {
  for (const std::string_view id :
       {request.headers.get("client-request-id"), field(query, "client-request-id")}) {
    if (arm::is_guid(id)) return to_lower(id);
  }
  return random.uuid();
}

}  // namespace

std::optional<http::Reply> Login::answer(const http::Request& request, std::string_view base_url) {
  const std::string_view target = request.target;
  const auto question = target.find('?');
  auto segments = segments_of(target.substr(0, question));
  const auto query = parse_form(question == std::string_view::npos ? std::string_view()
                                                                   : target.substr(question + 1));
  Where where = {.tenant = {},
                 .written = {},
                 .base_url = std::string(base_url),
                 .peer = address_of(request.peer)};
  std::string_view shape;
  if (segments.size() == 1 && iequals(segments[0], "devicelogin")) {
    where.tenant = "common";
    return pages_.device_login(where, request);
  }
  if (segments.size() < 3) return std::nullopt;
  where.written = to_lower(segments[0]);
  if (segments.size() == 3 && iequals(segments[1], "userrealm") && where.written == "common") {
    return json_reply(200, user_realm(segments[2], where));
  }
  segments.erase(segments.begin());
  shape = shape_of(join(segments, "/"));
  if (shape.empty()) return std::nullopt;
  where.v2 = shape.find("v2.0") != shape.npos;

  const auto correlation = correlation_of(request, query.value_or(Form()), desk_.model.random());
  auto reply = query ? answer_shape(where, shape, *query, request, correlation)
                     : refusal(refuse(query.error()).error(), request, correlation);
  reply.headers.add("x-ms-request-id", desk_.model.random().uuid());
  reply.headers.add("client-request-id", correlation);
  if (reply.status == 405 && !reply.headers.has("Allow")) {
    const bool is_post = shape.ends_with("token") || shape.ends_with("devicecode");
    reply.headers.add("Allow", is_post ? "POST" : "GET, HEAD");
  }
  return reply;
}

http::Reply Login::answer_shape(Where where, std::string_view shape, const Form& query,
                                const http::Request& request, const std::string& correlation) {
  auto tenant = check_tenant(where.written);
  if (!tenant) return refusal(tenant.error(), request, correlation);
  where.tenant = std::move(*tenant);
  if (shape.ends_with("authorize")) {
    return pages_.authorize(where, fmt::format("/{}/{}", where.written, shape), query, request);
  }
  const auto body = answer_json(where, shape, query, request);
  return body ? json_reply(200, *body) : refusal(body.error(), request, correlation);
}

Answer<Json> Login::answer_json(const Where& where, std::string_view shape, const Form& query,
                                const http::Request& request) {
  if (shape.ends_with("token") || shape.ends_with("devicecode")) {
    if (request.method != "POST") return wrong_method("POST");
    return shape.ends_with("token") ? grants_.token(where, request)
                                    : grants_.device_code(where, request);
  }
  if (request.method != "GET" && request.method != "HEAD") return wrong_method("GET");
  if (shape.ends_with("keys")) return desk_.keys.key_set();
  if (shape.ends_with("instance")) return instance(query, where);
  return discovery(where);
}

// A tenant's id, or one of the words that leave the tenant to the application.
Answer<std::string> Login::check_tenant(std::string_view tenant) const {
  const auto everybody = desk_.directory.roster();
  if (!everybody) return refuse(everybody.error());
  if ((*everybody)->find_tenant(tenant) != nullptr) return to_lower(tenant);
  for (const std::string_view known :
       {adfs, std::string_view("common"), std::string_view("organizations")}) {
    if (tenant == known) return std::string(tenant);
  }
  for (const auto& [id, each] : (*everybody)->tenants()) {
    if (iequals(each.domain, tenant)) return id;
  }
  return refuse(400, "invalid_tenant", 90002,
                fmt::format("Tenant '{}' not found. Check to make sure you have the correct tenant "
                            "ID and are signing into the correct cloud. The tenant of this server "
                            "is in the WWW-Authenticate header of a request without a token.",
                            tenant.substr(0, 100)));
}

Answer<Json> Login::discovery(const Where& where) const {
  const bool is_adfs = where.tenant == adfs;
  const std::string root = fmt::format("{}/{}", where.base_url, where.tenant);
  const std::string version = where.v2 && !is_adfs ? "/v2.0" : "";
  const auto& tenant = arm::is_guid(where.tenant) ? where.tenant : desk_.directory.first_tenant();
  return JsonObject{
      {"issuer", oidc_issuer(where, tenant)},
      {"authorization_endpoint", fmt::format("{}/oauth2{}/authorize", root, version)},
      {"token_endpoint", fmt::format("{}/oauth2{}/token", root, version)},
      {"device_authorization_endpoint", fmt::format("{}/oauth2{}/devicecode", root, version)},
      {"jwks_uri", fmt::format("{}/discovery{}/keys", root, version)},
      {"token_endpoint_auth_methods_supported",
       JsonArray{"client_secret_post", "client_secret_basic", "private_key_jwt", "none"}},
      {"token_endpoint_auth_signing_alg_values_supported", JsonArray{"RS256", "PS256"}},
      {"grant_types_supported",
       JsonArray{"client_credentials", "password", "refresh_token", "authorization_code",
                 "urn:ietf:params:oauth:grant-type:device_code"}},
      {"code_challenge_methods_supported", JsonArray{"S256"}},
      {"response_modes_supported", JsonArray{"query", "fragment", "form_post"}},
      {"response_types_supported", JsonArray{"code"}},
      {"scopes_supported", JsonArray{"openid", "profile", "offline_access"}},
      {"subject_types_supported", JsonArray{"public"}},
      {"id_token_signing_alg_values_supported", JsonArray{"RS256"}},
      {"claims_supported", JsonArray{"aud", "iss", "iat", "nbf", "exp", "sub", "tid", "oid", "name",
                                     "nonce", "preferred_username", "upn", "uti", "ver"}},
      {"tenant_region_scope", nullptr},
      {"cloud_instance_name", host_of(where.base_url)},
  };
}

Answer<Json> Login::instance(const Form& query, const Where& where) const {
  // MSAL 1.21 drops the port here, so only the tenant is taken from it.
  std::string_view endpoint = field(query, "authorization_endpoint");
  const auto scheme = endpoint.find("://");
  if (scheme != std::string_view::npos) endpoint.remove_prefix(scheme + 3);
  const auto segments = segments_of(endpoint);
  const auto tenant = segments.size() < 2 ? desk_.directory.first_tenant()
                                          : TRY(check_tenant(to_lower(segments[1])));
  const std::string with_port = host_of(where.base_url);
  const std::string host = with_port.substr(0, with_port.rfind(':'));
  const std::string_view version = tenant == adfs ? "" : "/v2.0";
  return JsonObject{
      {"tenant_discovery_endpoint",
       fmt::format("{}/{}{}/.well-known/openid-configuration", where.base_url, tenant, version)},
      {"api-version", "1.1"},
      {"metadata", JsonArray{JsonObject{{"preferred_network", with_port},
                                        {"preferred_cache", with_port},
                                        {"aliases", JsonArray{with_port, host}}}}},
  };
}

// Asked before a name and password are sent. The same for every name: nobody is federated.
Json Login::user_realm(std::string_view user_name, const Where& where) const {
  const auto at = user_name.find('@');
  return JsonObject{
      {"ver", "1.0"},
      {"account_type", "Managed"},
      {"domain_name", at == std::string_view::npos ? "" : user_name.substr(at + 1, 253)},
      {"cloud_instance_name", host_of(where.base_url)},
      {"cloud_audience_urn", "urn:federation:MicrosoftOnline"}};
}

http::Reply Login::refusal(const Refusal& refusal, const http::Request& request,
                           const std::string& correlation) {
  // One who polls for a person that has not signed in yet is no failure.
  if (refusal.number != 70016) log_refusal(refusal, request.peer);
  const auto now = to_iso8601(desk_.model.clock().now());
  const auto timestamp = fmt::format("{} {}Z", now.substr(0, 10), now.substr(11, 8));
  const auto trace = desk_.model.random().uuid();
  auto reply = json_reply(
      refusal.status,
      JsonObject{{"error", refusal.error},
                 {"error_description",
                  fmt::format("AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
                              refusal.number, refusal.text, trace, correlation, timestamp)},
                 {"error_codes", JsonArray{refusal.number}},
                 {"timestamp", timestamp},
                 {"trace_id", trace},
                 {"correlation_id", correlation}});
  if (refusal.retry_after > Seconds(0)) {
    reply.headers.add("Retry-After", fmt::to_string(refusal.retry_after.count()));
  }
  if (reply.status == 401 && request.headers.has("Authorization")) {
    reply.headers.add("WWW-Authenticate", "Basic realm=\"pinaco\"");
  }
  return reply;
}

// Strangers must not be able to fill the disk with log lines.
void Login::log_refusal(const Refusal& refusal, const std::string& peer) {
  const std::lock_guard lock(log_mutex_);
  const auto now = desk_.model.clock().steady();
  if (logged_ && now - *logged_ < Seconds(1)) {
    ++unlogged_;
    return;
  }
  LOG(warning, "identity",
      "a login from {} was refused: {} (AADSTS{}); {} more since the last line", peer,
      refusal.error, refusal.number, unlogged_);
  logged_ = now;
  unlogged_ = 0;
}

}  // namespace pinaco::identity
