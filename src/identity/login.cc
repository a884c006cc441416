#include "identity/login.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

constexpr std::string_view adfs = "adfs";

std::unexpected<Refusal> refuse(int status, std::string error, int number, std::string text) {
  return std::unexpected(Refusal{status, std::move(error), number, std::move(text)});
}

std::unexpected<Refusal> missing_field(std::string_view name) {
  return refuse(400, "invalid_request", 900144,
                fmt::format("The request body must contain the following parameter: '{}'.", name));
}

// An Error of the inner rooms, as the login surface says it.
std::unexpected<Refusal> refuse(const Error& error) {
  if (error.kind == Kind::invalid) return refuse(400, "invalid_request", 90013, error.message);
  LOG(error, "identity", "a login could not be answered: {}", error.message);
  return refuse(503, "temporarily_unavailable", 90033,
                "A transient error has occurred. Please try again.");
}

std::unexpected<Refusal> wrong_method(std::string_view wanted) {
  return refuse(405, "invalid_request", 900561,
                fmt::format("The endpoint only accepts {} requests.", wanted));
}

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

bool is_form(std::string_view content_type) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))),
                 "application/x-www-form-urlencoded");
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
  if (segments.size() < 3) return std::nullopt;
  const std::string tenant = to_lower(segments[0]);
  segments.erase(segments.begin());
  const auto shape = shape_of(join(segments, "/"));
  if (shape.empty()) return std::nullopt;

  auto query = parse_form(question == std::string_view::npos ? std::string_view()
                                                             : target.substr(question + 1));
  const auto correlation = correlation_of(request, query.value_or(Form()), model_.random());
  Answer<Json> body = std::unexpected(Refusal{});
  if (query) {
    body = checked(tenant, shape.find("v2.0") != shape.npos, *query, request, shape, base_url);
  } else {
    body = refuse(query.error());
  }
  if (!body) log_refusal(body.error(), request.peer);
  auto reply = body ? json_reply(200, *body) : refusal(body.error(), correlation);
  reply.headers.add("x-ms-request-id", model_.random().uuid());
  reply.headers.add("client-request-id", correlation);
  if (reply.status == 405) {
    reply.headers.add("Allow", shape.ends_with("token") ? "POST" : "GET, HEAD");
  }
  if (reply.status == 503) reply.headers.add("Retry-After", "1");
  if (reply.status == 401 && request.headers.has("Authorization")) {
    reply.headers.add("WWW-Authenticate", "Basic realm=\"pinaco\"");
  }
  return reply;
}

Login::Answer<Json> Login::checked(std::string_view tenant, bool v2, const Form& query,
                                   const http::Request& request, std::string_view what,
                                   std::string_view base_url) {
  if (what.ends_with("authorize") || what.ends_with("devicecode")) {
    return refuse(400, "unsupported_response_type", 700054,
                  "People do not log in here. Log in as an application, with its id and secret: "
                  "az login --service-principal.");
  }
  const auto known_tenant = TRY(check_tenant(tenant));
  if (what.ends_with("token")) {
    if (request.method != "POST") return wrong_method("POST");
    return token(known_tenant, v2, request);
  }
  if (request.method != "GET" && request.method != "HEAD") return wrong_method("GET");
  if (what.ends_with("keys")) return keys_.key_set();
  if (what.ends_with("instance")) return instance(query, base_url);
  return discovery(known_tenant, v2, base_url);
}

// A tenant's id, or one of the words that leave the tenant to the application.
Login::Answer<std::string> Login::check_tenant(std::string_view tenant) const {
  const auto everybody = directory_.roster();
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

Login::Answer<Json> Login::discovery(std::string_view tenant, bool v2,
                                     std::string_view base_url) const {
  const bool is_adfs = tenant == adfs;
  const std::string root = fmt::format("{}/{}", base_url, tenant);
  const std::string version = v2 && !is_adfs ? "/v2.0" : "";
  // msal-node refuses an issuer on any host but the one it asked.
  const std::string issuer =
      is_adfs ? root
              : fmt::format("{}/{}{}", base_url,
                            arm::is_guid(tenant) ? tenant : directory_.first_tenant(),
                            v2 ? "/v2.0" : "/");
  return JsonObject{
      {"issuer", issuer},
      {"authorization_endpoint", fmt::format("{}/oauth2{}/authorize", root, version)},
      {"token_endpoint", fmt::format("{}/oauth2{}/token", root, version)},
      {"jwks_uri", fmt::format("{}/discovery{}/keys", root, version)},
      {"token_endpoint_auth_methods_supported",
       JsonArray{"client_secret_post", "client_secret_basic"}},
      {"grant_types_supported", JsonArray{"client_credentials"}},
      {"response_modes_supported", JsonArray{"query", "fragment", "form_post"}},
      {"response_types_supported", JsonArray{"code", "id_token", "code id_token", "token"}},
      {"scopes_supported", JsonArray{"openid"}},
      {"subject_types_supported", JsonArray{"pairwise"}},
      {"id_token_signing_alg_values_supported", JsonArray{"RS256"}},
      {"claims_supported", JsonArray{"aud", "iss", "iat", "nbf", "exp", "sub", "tid", "oid",
                                     "appid", "appidacr", "idtyp", "uti", "ver"}},
      {"tenant_region_scope", nullptr},
      {"cloud_instance_name", host_of(base_url)},
  };
}

Login::Answer<Json> Login::instance(const Form& query, std::string_view base_url) const {
  // MSAL 1.21 drops the port here, so only the tenant is taken from it.
  std::string_view endpoint = field(query, "authorization_endpoint");
  const auto scheme = endpoint.find("://");
  if (scheme != std::string_view::npos) endpoint.remove_prefix(scheme + 3);
  const auto segments = segments_of(endpoint);
  const auto tenant =
      segments.size() < 2 ? directory_.first_tenant() : TRY(check_tenant(to_lower(segments[1])));
  const std::string with_port = host_of(base_url);
  const std::string host = with_port.substr(0, with_port.rfind(':'));
  const std::string_view version = tenant == adfs ? "" : "/v2.0";
  return JsonObject{
      {"tenant_discovery_endpoint",
       fmt::format("{}/{}{}/.well-known/openid-configuration", base_url, tenant, version)},
      {"api-version", "1.1"},
      {"metadata", JsonArray{JsonObject{{"preferred_network", with_port},
                                        {"preferred_cache", with_port},
                                        {"aliases", JsonArray{with_port, host}}}}},
  };
}

Login::Answer<Login::Asked> Login::parse_asked(bool v2, const http::Request& request) const {
  if (!is_form(request.headers.get("Content-Type"))) {
    return refuse(400, "invalid_request", 900144,
                  "The request body must contain the following parameter: 'grant_type'. It must "
                  "be sent as application/x-www-form-urlencoded.");
  }
  const auto form = parse_form(request.body);
  if (!form) return refuse(form.error());
  const auto grant = field(*form, "grant_type");
  if (grant.empty()) return missing_field("grant_type");
  if (grant != "client_credentials") {
    return refuse(400, "unsupported_grant_type", 70003,
                  fmt::format("The app requested an unsupported grant type '{}'. Only "
                              "applications log in here, with their id and secret "
                              "(client_credentials): az login --service-principal.",
                              grant.substr(0, 100)));
  }
  const auto basic = parse_basic(request.headers.get("Authorization"));
  if (!basic) return refuse(basic.error());
  Asked asked = {.client_id = std::string(field(*form, "client_id")),
                 .secret = std::string(field(*form, "client_secret"))};
  if (*basic) {
    if (!asked.secret.empty() || (!asked.client_id.empty() && asked.client_id != (*basic)->id)) {
      return refuse(400, "invalid_request", 90013,
                    "The client names itself in the Authorization header and, differently or with "
                    "a secret, in the body. Use one of them.");
    }
    asked.client_id = (*basic)->id;
    asked.secret = (*basic)->secret;
  }
  if (asked.client_id.empty()) return missing_field("client_id");
  if (asked.secret.empty()) {
    return refuse(401, "invalid_client", 7000218,
                  "The request body must contain the following parameter: 'client_assertion' or "
                  "'client_secret'. This server takes only 'client_secret'.");
  }
  const auto scope = field(*form, "scope");
  const auto resource = field(*form, "resource");
  auto audience = parse_audience(scope.empty() ? resource : scope);
  if (!audience) return refuse(400, "invalid_scope", 70011, audience.error().message);
  if (audience->empty()) return missing_field(v2 ? "scope" : "resource");
  asked.audience = std::move(*audience);
  if (scope.empty()) asked.resource = resource;
  return asked;
}

Login::Answer<Login::Known> Login::check_secret(std::string_view tenant, const Asked& asked) {
  const auto everybody = directory_.roster();
  if (!everybody) return refuse(everybody.error());
  const auto* application = (*everybody)->find_application(asked.client_id);
  const std::string home =
      application == nullptr || arm::is_guid(tenant) ? std::string(tenant) : application->tenant;
  const auto* principal = (*everybody)->find_service_principal(home, asked.client_id);
  if (application == nullptr || principal == nullptr || !principal->enabled) {
    return refuse(400, "unauthorized_client", 700016,
                  fmt::format("Application with identifier '{}' was not found in the directory "
                              "'{}'. Check the application's id and that you have the right "
                              "server.",
                              asked.client_id.substr(0, 100), home.substr(0, 100)));
  }
  auto pass = gate_.enter();
  if (!pass) {
    return refuse(503, "temporarily_unavailable", 90033, pass.error().message);
  }
  const auto now = model_.clock().now();
  bool expired = false;
  for (const auto& secret : application->secrets) {
    // Its first characters are known to its owner and say which one is meant.
    if (!asked.secret.starts_with(secret.hint)) continue;
    const auto matches = matches_secret(asked.secret, secret.hash);
    if (!matches) return refuse(matches.error());
    if (!*matches) continue;
    expired = now >= secret.end;
    if (!expired) return Known{.principal = *principal, .credential = secret.key_id};
  }
  if (expired) {
    return refuse(401, "invalid_client", 7000222,
                  fmt::format("The provided client secret keys for app '{}' are expired. Make a "
                              "new one: az ad app credential reset.",
                              application->app_id));
  }
  return refuse(401, "invalid_client", 7000215,
                fmt::format("Invalid client secret provided. Ensure the secret being sent in the "
                            "request is the client secret value, not the client secret ID, for a "
                            "secret added to app '{}'.",
                            application->app_id));
}

Json Login::issue(const Known& known, const Asked& asked) {
  const Principal& principal = known.principal;
  const auto now = std::chrono::floor<Seconds>(model_.clock().now());
  const Claims claims = {.tenant = principal.tenant,
                         .audience = asked.audience,
                         .object_id = principal.object_id,
                         .client_id = principal.app_id,
                         .name = principal.name,
                         .id = model_.random().uuid(),
                         .credential = known.credential,
                         .issued = now,
                         .expires = now + token_life};
  auto token = sign_token(*keys_.newest(), claims);
  // One less than its life, as Entra ID says, so that no client counts on the last second.
  const auto lasts = token_life.count() - 1;
  if (asked.resource.empty()) {
    return JsonObject{{"token_type", "Bearer"},
                      {"expires_in", lasts},
                      {"ext_expires_in", lasts},
                      {"access_token", std::move(token)}};
  }
  return JsonObject{{"token_type", "Bearer"},
                    {"expires_in", fmt::to_string(lasts)},
                    {"ext_expires_in", fmt::to_string(lasts)},
                    {"expires_on", fmt::to_string((now + token_life).time_since_epoch().count())},
                    {"not_before", fmt::to_string(now.time_since_epoch().count())},
                    {"resource", asked.resource},
                    {"access_token", std::move(token)}};
}

Login::Answer<Json> Login::token(std::string_view tenant, bool v2, const http::Request& request) {
  const auto asked = TRY(parse_asked(v2, request));
  const auto known = TRY(check_secret(tenant, asked));
  LOG(info, "identity", "{} ({}) logged in to tenant {} from {} for {}", known.principal.name,
      known.principal.app_id, known.principal.tenant, request.peer, asked.audience);
  return issue(known, asked);
}

http::Reply Login::refusal(const Refusal& refusal, const std::string& correlation) const {
  const auto now = to_iso8601(model_.clock().now());
  const auto timestamp = fmt::format("{} {}Z", now.substr(0, 10), now.substr(11, 8));
  const auto trace = model_.random().uuid();
  return json_reply(
      refusal.status,
      JsonObject{{"error", refusal.error},
                 {"error_description",
                  fmt::format("AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
                              refusal.number, refusal.text, trace, correlation, timestamp)},
                 {"error_codes", JsonArray{refusal.number}},
                 {"timestamp", timestamp},
                 {"trace_id", trace},
                 {"correlation_id", correlation}});
}

// Strangers must not be able to fill the disk with log lines.
void Login::log_refusal(const Refusal& refusal, const std::string& peer) {
  const std::lock_guard lock(log_mutex_);
  const auto now = model_.clock().steady();
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
