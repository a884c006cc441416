// The parts put together: directory, keys, login surface, and the token of each request.
#include "identity/identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "identity/login.h"
#include "identity/trusted.h"
#include "identity/verified.h"

namespace pinaco::identity {
namespace {

std::unexpected<Error> no_token(std::string message) {
  return fail(
      Error{.kind = Kind::denied, .message = std::move(message), .code = "AuthenticationFailed"});
}

// The token of the one Authorization header; several would leave open who is asking.
Result<std::string_view> bearer_token(const http::Request& request) {
  constexpr std::string_view scheme = "Bearer ";
  const std::string* value = nullptr;
  for (const auto& [name, text] : request.headers.all()) {
    if (!iequals(name, "Authorization")) continue;
    if (value != nullptr) {
      return no_token("Authentication failed. The 'Authorization' header is given twice.");
    }
    value = &text;
  }
  if (value == nullptr) {
    return no_token("Authentication failed. The 'Authorization' header is missing.");
  }
  if (!istarts_with(*value, scheme) || value->size() == scheme.size()) {
    return no_token(
        "Authentication failed. The 'Authorization' header is provided in an invalid format: "
        "'Bearer' and an access token are expected.");
  }
  return std::string_view(*value).substr(scheme.size());
}

// The values of x-ms-authorization-auxiliary: "Bearer a, Bearer b" or "Bearer a;Bearer b".
Result<std::vector<std::string_view>> auxiliary_tokens(const http::Request& request) {
  std::vector<std::string_view> tokens;
  std::string_view rest = request.headers.get("x-ms-authorization-auxiliary");
  while (!rest.empty()) {
    const auto end = rest.find_first_of(",;");
    auto each = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (each.empty()) continue;
    if (istarts_with(each, "Bearer ")) each = trim(each.substr(7));
    tokens.push_back(each);
    if (tokens.size() > auxiliary_tokens_max) {
      return fail(Error{
          .kind = Kind::denied,
          .message = fmt::format("At most {} auxiliary tokens can be sent.", auxiliary_tokens_max),
          .code = "InvalidAuthenticationToken"});
    }
  }
  return tokens;
}

std::unexpected<Error> revoked() {
  return fail(Error{.kind = Kind::denied,
                    .message = "The access token is invalid: the principal or the credential that "
                               "it was got with has been removed or disabled. Log in again.",
                    .code = "InvalidAuthenticationToken"});
}

// Whether the credential that a token was got with is still there.
bool credential_lives(const Roster& everybody, const Principal& principal,
                      std::string_view credential) {
  if (principal.type == PrincipalType::user) return principal.password_key == credential;
  const auto* application = everybody.find_application(principal.app_id);
  if (application == nullptr) return false;
  const auto is = [&](const auto& each) { return each.key_id == credential; };
  return std::ranges::any_of(application->secrets, is) ||
         std::ranges::any_of(application->certificates, is) ||
         std::ranges::any_of(application->federated,
                             [&](const auto& each) { return each.id == credential; });
}

// Whether the application that a user signed in with is still there for him.
bool application_lives(const Roster& everybody, const Principal& principal,
                       std::string_view client_id) {
  if (principal.type != PrincipalType::user || client_id == azure_cli) return true;
  const auto* client = everybody.find_service_principal(principal.tenant, client_id);
  return client != nullptr && client->enabled && everybody.find_application(client_id) != nullptr;
}

class Service final : public Identity {
 public:
  Service(model::Model& model, std::unique_ptr<Directory> directory, std::unique_ptr<KeyRing> keys,
          Options options)
      : model_(model),
        directory_(std::move(directory)),
        keys_(std::move(keys)),
        login_(model, *keys_, *directory_, std::move(options.fetch)),
        trusted_(options.issuers, login_.desk().issuers, *directory_, model) {
    login_.desk().hosts = std::move(options.hosts);
    std::vector<std::string> configured;
    for (const auto& each : options.issuers) configured.push_back(each.issuer);
    login_.desk().issuers.trust(configured, std::move(options.issuer_hosts));
  }

  Directory& directory() override { return *directory_; }
  const Directory& directory() const override { return *directory_; }

  Result<Caller> authenticate(const http::Request& request) const override {
    auto caller = TRY(caller_of(TRY(bearer_token(request))));
    caller.peer = request.peer;
    for (const auto token : TRY(auxiliary_tokens(request))) {
      auto other = TRY(caller_of(token));
      // One client in several tenants; another's token is not a way to borrow its rights.
      if (other.client_id != caller.client_id) {
        return fail(Error{.kind = Kind::denied,
                          .message = "An auxiliary token is of another application than the "
                                     "primary one.",
                          .code = "InvalidAuthenticationToken"});
      }
      caller.auxiliary.push_back(std::move(other));
    }
    return caller;
  }

  std::string challenge(std::string_view base_url, std::string_view tenant,
                        const Error& error) const override {
    const bool missing = error.code == "AuthenticationFailed";
    std::string header = "Bearer authorization_uri=\"";
    header += quotable(base_url) + "/" +
              quotable(tenant.empty() ? std::string_view(directory_->first_tenant()) : tenant) +
              "\", error=\"invalid_token\", ";
    header += "error_description=\"";
    header += missing ? "The authentication failed because of missing 'Authorization' header."
                      : quotable(error.message);
    return header + "\"";
  }

  std::optional<http::Reply> answer(const http::Request& request,
                                    std::string_view base_url) override {
    return login_.answer(request, base_url);
  }

 private:
  // base_url comes from the client's Host header: it must not end the quotes it stands in.
  static std::string quotable(std::string_view text) {
    std::string result;
    for (const char c : text) {
      if (c >= ' ' && c <= '~' && c != '"' && c != '\\') result += c;
    }
    return result;
  }

  Result<Caller> caller_of(std::string_view token) const {
    if (auto outside = TRY(trusted_.find_caller(token))) return std::move(*outside);
    const auto now = model_.clock().now();
    const Digest digest = Digest::of(as_bytes(token));
    auto claims = verified_.find(digest);
    if (claims) {
      TRY(check_times(*claims, now));
    } else {
      claims = TRY(verify_token(*keys_, now, token));
      verified_.add(digest, *claims, now);
    }
    const auto everybody = TRY(directory_->roster());
    const auto* principal = everybody->find_principal(claims->object_id);
    if (principal == nullptr || !principal->enabled || principal->tenant != claims->tenant ||
        !credential_lives(*everybody, *principal, claims->credential) ||
        !application_lives(*everybody, *principal, claims->client_id)) {
      return revoked();
    }
    return Caller{.tenant = claims->tenant,
                  .object_id = claims->object_id,
                  .client_id = claims->client_id,
                  .name = claims->name,
                  .token_id = claims->id,
                  .is_user = principal->type == PrincipalType::user};
  }

  model::Model& model_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<KeyRing> keys_;
  Login login_;
  mutable VerifiedTokens verified_;
  TrustedIssuers trusted_;
};

}  // namespace

Error wrong_tenant(std::string_view token_tenant, std::string_view tenant) {
  return Error{
      .kind = Kind::denied,
      .message = fmt::format(
          "The access token is from the wrong issuer '{}'. It must match the tenant '{}' "
          "associated with this subscription. Please use the authority (URL) "
          "'https://login.windows.net/{}' to get the token. Note, if the subscription is "
          "transferred to another tenant there is no impact to the services, but information "
          "about new tenant could take time to propagate (up to an hour). If you just transferred "
          "your subscription and see this error message, please try back later.",
          issuer_of(token_tenant), issuer_of(tenant), tenant),
      .code = "InvalidAuthenticationTokenTenant"};
}

Result<std::unique_ptr<Identity>> Identity::open(model::Model& model, const std::string& folder,
                                                 Directory::Welcome welcome) {
  return open(model, folder, Options{.welcome = std::move(welcome)});
}

Result<std::unique_ptr<Identity>> Identity::open(model::Model& model, const std::string& folder,
                                                 Options options) {
  TRY(check_issuers(options.issuers));
  auto keys = TRY(KeyRing::open(folder, model.clock()));
  auto directory = TRY(Directory::open(model, options.welcome));
  return std::make_unique<Service>(model, std::move(directory), std::move(keys),
                                   std::move(options));
}

}  // namespace pinaco::identity
