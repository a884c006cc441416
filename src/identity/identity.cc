// The parts put together: directory, keys, login surface, and the token of each request.
#include "identity/identity.h"

#include "base/text.h"
#include "identity/authorize.h"
#include "identity/login.h"
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

class Service final : public Identity {
 public:
  Service(model::Model& model, Directory directory, std::unique_ptr<KeyRing> keys)
      : model_(model),
        directory_(std::move(directory)),
        keys_(std::move(keys)),
        login_(model, *keys_, directory_) {}

  const std::optional<FirstCredentials>& first_credentials() const override {
    return directory_.first_credentials();
  }
  Result<FirstCredentials> reset_administrator() override {
    return directory_.reset_administrator();
  }
  const std::string& tenant() const override { return directory_.tenant(); }
  Result<std::vector<Subscription>> subscriptions() const override {
    return directory_.subscriptions();
  }

  Result<Caller> authenticate(const http::Request& request) const override {
    const auto token = TRY(bearer_token(request));
    const auto now = model_.clock().now();
    const Digest digest = Digest::of(as_bytes(token));
    auto claims = verified_.find(digest);
    if (claims) {
      TRY(check_times(*claims, now));
    } else {
      claims = TRY(verify_token(*keys_, directory_.tenant(), now, token));
      verified_.add(digest, *claims, now);
    }
    return Caller{.tenant = claims->tenant,
                  .object_id = claims->object_id,
                  .client_id = claims->client_id,
                  .name = claims->name};
  }

  std::string challenge(std::string_view base_url, const Error& error) const override {
    const bool missing = error.code == "AuthenticationFailed";
    std::string header = "Bearer authorization_uri=\"";
    header += quotable(base_url) + "/" + directory_.tenant() + "\", error=\"invalid_token\", ";
    header += "error_description=\"";
    header += missing ? "The authentication failed because of missing 'Authorization' header."
                      : quotable(error.message);
    return header + "\"";
  }

  Result<> may(const Caller& caller, std::string_view action,
               std::string_view scope) const override {
    return authorize(directory_, caller, action, scope);
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

  model::Model& model_;
  Directory directory_;
  std::unique_ptr<KeyRing> keys_;
  Login login_;
  mutable VerifiedTokens verified_;
};

}  // namespace

Result<std::unique_ptr<Identity>> Identity::open(model::Model& model, const std::string& folder) {
  auto keys = TRY(KeyRing::open(folder, model.clock()));
  auto directory = TRY(Directory::open(model));
  return std::make_unique<Service>(model, std::move(directory), std::move(keys));
}

}  // namespace pinaco::identity
