#include "identity/grants.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

constexpr std::string_view device_grant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::size_t verifier_bytes_min = 43;  // RFC 7636 section 4.1
constexpr std::size_t verifier_bytes_max = 128;

bool is_form(std::string_view content_type) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))),
                 "application/x-www-form-urlencoded");
}

Answer<Form> read_form(const http::Request& request, std::string_view needed) {
  if (!is_form(request.headers.get("Content-Type"))) {
    return refuse(400, "invalid_request", 900144,
                  fmt::format("The request body must contain the following parameter: '{}'. It "
                              "must be sent as application/x-www-form-urlencoded.",
                              needed));
  }
  auto form = parse_form(request.body);
  if (!form) return refuse(form.error());
  return std::move(*form);
}

bool has_word(std::string_view scope, std::string_view wanted) {
  for (const auto word : split(scope, ' ')) {
    if (word == wanted) return true;
  }
  return false;
}

std::unexpected<Refusal> bad_code() {
  return refuse(400, "invalid_grant", 70008,
                "The provided authorization code is unknown, has expired or was used before, or "
                "it was given to another client or address. Sign in again.");
}

// "04b0…": what MSAL names an account by.
std::string client_info(const Principal& user) {
  return to_base64url(
      as_bytes(to_text(JsonObject{{"uid", user.object_id}, {"utid", user.tenant}})));
}

}  // namespace

std::string oidc_issuer(const Where& where, std::string_view tenant) {
  // msal-node refuses an issuer on any host but the one it asked.
  if (where.tenant == "adfs") return where.base_url + "/adfs";
  return fmt::format("{}/{}{}", where.base_url, tenant, where.v2 ? "/v2.0" : "/");
}

Answer<Grants::Asked> Grants::parse_asked(const Where& where, const Form& form,
                                          const std::string& begun_scope,
                                          const std::string& begun_resource) const {
  std::string scope(field(form, "scope"));
  std::string resource(field(form, "resource"));
  if (scope.empty() && resource.empty()) {
    scope = begun_scope;
    resource = begun_resource;
  }
  auto audience = parse_audience(resource.empty() ? scope : resource);
  if (!audience) return refuse(400, "invalid_scope", 70011, audience.error().message);
  // Only people's sign-ins may ask for no resource: they want to be known, not to do something.
  if (audience->empty()) *audience = where.base_url;
  const bool v1 = !resource.empty();
  return Asked{.audience = std::move(*audience),
               .resource = std::move(resource),
               .refreshable = v1 || has_word(scope, "offline_access"),
               .about_user = v1 || has_word(scope, "openid") || has_word(scope, "profile"),
               .scope = std::move(scope),
               .client_info = field(form, "client_info") == "1"};
}

Answer<Json> Grants::token(const Where& where, const http::Request& request) {
  const auto form = TRY(read_form(request, "grant_type"));
  const auto grant = field(form, "grant_type");
  if (grant.empty()) return missing_field("grant_type");
  const bool is_device = grant == device_grant || grant == "device_code";
  if (grant != "client_credentials" && grant != "password" && grant != "refresh_token" &&
      grant != "authorization_code" && !is_device) {
    return refuse(
        400, "unsupported_grant_type", 70003,
        fmt::format("The app requested an unsupported grant type '{}'.", grant.substr(0, 100)));
  }
  const auto client = TRY(check_client(desk_, where, form, request.headers.get("Authorization")));
  if (client.credential.empty() && (grant == "client_credentials" || !client.is_public)) {
    return refuse(401, "invalid_client", 7000218,
                  "The request body must contain the following parameter: 'client_assertion' or "
                  "'client_secret'.");
  }
  if (grant == "client_credentials") return by_client(where, form, client);
  if (grant == "password") return by_password(where, form, client);
  if (grant == "refresh_token") return by_refresh_token(where, form, client);
  if (grant == "authorization_code") return by_code(where, form, client);
  return by_device_code(where, form, client);
}

Answer<Json> Grants::by_client(const Where& where, const Form& form, const Client& client) {
  // A v1 client may write its resource as a scope, and a v2 client the other way round.
  const auto scope = field(form, "scope");
  const auto resource = field(form, "resource");
  auto audience = parse_audience(scope.empty() ? resource : scope);
  if (!audience) return refuse(400, "invalid_scope", 70011, audience.error().message);
  if (audience->empty()) return missing_field(where.v2 ? "scope" : "resource");
  const auto principal = TRY(service_principal(desk_, where, client));
  const Asked asked = {.audience = std::move(*audience),
                       .resource = scope.empty() ? std::string(resource) : "",
                       .scope = {}};
  LOG(info, "identity", "{} ({}) logged in to tenant {} from {} for {}", principal.name,
      principal.app_id, principal.tenant, where.peer, asked.audience);
  return issue(client, principal, client.credential, asked);
}

Answer<Json> Grants::by_password(const Where& where, const Form& form, const Client& client) {
  auto asked = TRY(parse_asked(where, form, "", ""));
  const auto user = TRY(check_user(desk_, where, client, std::string(field(form, "username")),
                                   std::string(field(form, "password"))));
  return for_user(where, client, user, asked, "password");
}

Answer<Json> Grants::by_refresh_token(const Where& where, const Form& form, const Client& client) {
  const auto token = field(form, "refresh_token");
  if (token.empty()) return missing_field("refresh_token");
  auto asked = TRY(parse_asked(where, form, "", ""));
  const auto used = desk_.refresh.use(token, client.app_id);
  if (!used && used.error().kind != Kind::denied) return refuse(used.error());
  if (!used) {
    return refuse(400, "invalid_grant", 70000,
                  "The provided refresh token is not valid: it has expired, was used before or "
                  "was given to another client. Sign in again.");
  }
  const SignedIn signed_in = {used->grant.user, used->grant.password_key};
  const auto user = same_user(desk_, where, client, signed_in);
  if (!user) {
    if (!used->next.empty()) (void)desk_.refresh.revoke(used->next);
    return std::unexpected(user.error());
  }
  asked.refreshable = false;
  auto answer = TRY(for_user(where, client, *user, asked, "refresh_token"));
  if (!used->next.empty()) set_path(answer, "refresh_token", used->next);
  return answer;
}

Answer<Json> Grants::by_code(const Where& where, const Form& form, const Client& client) {
  const auto code = field(form, "code");
  if (code.empty()) return missing_field("code");
  const auto verifier = field(form, "code_verifier");
  const auto taken = desk_.codes.take(code);
  if (!taken.refresh_token.empty()) (void)desk_.refresh.revoke(taken.refresh_token);
  if (!taken.grant) return bad_code();
  const CodeGrant& grant = *taken.grant;
  if (!iequals(grant.client, client.app_id) || grant.redirect_uri != field(form, "redirect_uri")) {
    return bad_code();
  }
  if (verifier.size() < verifier_bytes_min || verifier.size() > verifier_bytes_max ||
      !constant_time_equal(to_base64url(Digest::of(as_bytes(verifier)).bytes), grant.challenge)) {
    return refuse(400, "invalid_grant", 501481,
                  "The Code_Verifier does not match the code_challenge supplied in the "
                  "authorization request.");
  }
  auto asked = TRY(parse_asked(where, form, grant.scope, grant.resource));
  asked.nonce = grant.nonce;
  // As for a device: what was asked for at the start need not be repeated.
  asked.refreshable = asked.refreshable || has_word(grant.scope, "offline_access");
  asked.about_user = asked.about_user || has_word(grant.scope, "openid");
  const auto user = TRY(same_user(desk_, where, client, grant.signed_in));
  auto answer = TRY(for_user(where, client, user, asked, "authorization_code"));
  desk_.codes.remember(code, std::string(string_at(answer, "refresh_token")));
  return answer;
}

Answer<Json> Grants::by_device_code(const Where& where, const Form& form, const Client& client) {
  // v1 calls it "code".
  const auto named = field(form, "device_code");
  const auto code = named.empty() ? field(form, "code") : named;
  if (code.empty()) return missing_field("device_code");
  const auto polled = desk_.devices.poll(code, client.app_id);
  switch (polled.state) {
    case DeviceState::pending:
      return refuse(400, "authorization_pending", 70016,
                    "OAuth 2.0 device flow error. Authorization is pending. Continue polling.");
    case DeviceState::slow_down:
      return refuse(400, "slow_down", 70016, "Too many requests were made. Poll more slowly.");
    case DeviceState::denied:
      return refuse(400, "access_denied", 70018, "The sign-in was declined.");
    case DeviceState::expired:
      return refuse(400, "expired_token", 70020,
                    "The provided value for the input parameter 'device_code' is not valid. This "
                    "device code has expired.");
    case DeviceState::unknown:
      return refuse(400, "bad_verification_code", 70019,
                    "The device code is unknown, of another client or was used before.");
    case DeviceState::approved:
      break;
  }
  auto asked = TRY(parse_asked(where, form, polled.grant.scope, polled.grant.resource));
  // Of the scopes of the start a client may repeat the resource only.
  asked.refreshable = asked.refreshable || has_word(polled.grant.scope, "offline_access");
  asked.about_user = asked.about_user || has_word(polled.grant.scope, "openid");
  const auto user = TRY(same_user(desk_, where, client, polled.signed_in));
  return for_user(where, client, user, asked, "device_code");
}

Answer<Json> Grants::device_code(const Where& where, const http::Request& request) {
  const auto form = TRY(read_form(request, "client_id"));
  const auto client_id = field(form, "client_id");
  if (client_id.empty()) return missing_field("client_id");
  const auto client = TRY(find_client(desk_, client_id));
  const std::string counted = "devices " + where.peer;
  if (const auto wait = desk_.throttle.blocked(counted, Throttle::peer_failures_max)) {
    auto refused = refuse(429, "temporarily_unavailable", 90055, "Too many sign-ins are begun.");
    refused.error().retry_after = *wait;
    return refused;
  }
  desk_.throttle.failed(counted);
  const auto asked = TRY(parse_asked(where, form, "", ""));
  const auto made = desk_.devices.add(
      {.client = client.app_id, .scope = asked.scope, .resource = asked.resource});
  const std::string page = where.base_url + "/devicelogin";
  const auto message = fmt::format(
      "To sign in, use a web browser to open the page {} and enter the code {} to "
      "authenticate.",
      page, made.user_code);
  JsonObject answer = {{"user_code", made.user_code},
                       {"device_code", made.device_code},
                       {"verification_uri", page},
                       {"verification_url", page},
                       {"message", message}};
  if (asked.resource.empty()) {
    answer["expires_in"] = device_code_life.count();
    answer["interval"] = DeviceCodes::interval.count();
  } else {
    answer["expires_in"] = fmt::to_string(device_code_life.count());
    answer["interval"] = fmt::to_string(DeviceCodes::interval.count());
  }
  return Json(std::move(answer));
}

Answer<Json> Grants::for_user(const Where& where, const Client& client, const Principal& user,
                              const Asked& asked, std::string_view how) {
  LOG(info, "identity", "{} signed in to tenant {} from {} with {} for {} ({})", user.user_name,
      user.tenant, where.peer, client.name, asked.audience, how);
  auto answer = issue(client, user, user.password_key, asked);
  if (asked.resource.empty()) set_path(answer, "scope", asked.scope);
  if (asked.about_user) add_id_token(answer, where, client, user, asked);
  if (asked.client_info) set_path(answer, "client_info", client_info(user));
  if (asked.refreshable) {
    auto token = desk_.refresh.begin({.user = user.object_id,
                                      .tenant = user.tenant,
                                      .client = client.app_id,
                                      .password_key = user.password_key});
    if (!token) return refuse(token.error());
    set_path(answer, "refresh_token", *token);
  }
  return answer;
}

Json Grants::issue(const Client& client, const Principal& principal, const std::string& credential,
                   const Asked& asked) {
  const bool is_user = principal.type == PrincipalType::user;
  const auto now = std::chrono::floor<Seconds>(desk_.model.clock().now());
  const Claims claims = {.tenant = principal.tenant,
                         .audience = asked.audience,
                         .object_id = principal.object_id,
                         .client_id = client.app_id,
                         .name = is_user ? principal.user_name : principal.name,
                         .id = desk_.model.random().uuid(),
                         .credential = credential,
                         .is_user = is_user,
                         .proof = client.proof,
                         .issued = now,
                         .expires = now + token_life};
  auto token = sign_token(*desk_.keys.newest(), claims);
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

void Grants::add_id_token(Json& answer, const Where& where, const Client& client,
                          const Principal& user, const Asked& asked) {
  const auto now = std::chrono::floor<Seconds>(desk_.model.clock().now());
  set_path(answer, "id_token",
           sign_id_token(*desk_.keys.newest(), {.issuer = oidc_issuer(where, user.tenant),
                                                .client_id = client.app_id,
                                                .tenant = user.tenant,
                                                .object_id = user.object_id,
                                                .user_name = user.user_name,
                                                .name = user.name,
                                                .nonce = asked.nonce,
                                                .id = desk_.model.random().uuid(),
                                                .issued = now,
                                                .expires = now + token_life}));
}

}  // namespace pinaco::identity
