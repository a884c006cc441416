#include "identity/clients.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::identity {
namespace {

constexpr std::size_t user_name_bytes_max = 256;

std::string peer_name(const Where& where) {
  return "peer " + network_of(where.peer);
}

std::unexpected<Refusal> too_many(Seconds wait) {
  auto refused = refuse(429, "temporarily_unavailable", 90055,
                        "Too many failed sign-ins. Wait before you try again.");
  refused.error().retry_after = wait;
  return refused;
}

std::unexpected<Refusal> wrong_password() {
  // One text for names that are not there as well: who has an account is nobody's business.
  return refuse(400, "invalid_grant", 50126,
                "Error validating credentials due to invalid username or password.");
}

std::unexpected<Refusal> locked() {
  return refuse(400, "invalid_grant", 50053,
                "IdsLocked - The account is locked, you've tried to sign in too many times with an "
                "incorrect user ID or password.");
}

Answer<std::shared_ptr<const Roster>> roster_of(const Desk& desk) {
  auto everybody = desk.directory.roster();
  if (!everybody) return refuse(everybody.error());
  return *everybody;
}

std::unexpected<Refusal> no_application(std::string_view app_id, std::string_view tenant) {
  return refuse(400, "unauthorized_client", 700016,
                fmt::format("Application with identifier '{}' was not found in the directory "
                            "'{}'. Check the application's id and that you have the right "
                            "server.",
                            app_id.substr(0, 100), tenant.substr(0, 100)));
}

Answer<std::string> check_secret(Desk& desk, const Application& application,
                                 const std::string& shown) {
  const auto pass = desk.gate.enter();
  if (!pass) return refuse(pass.error());
  const auto now = desk.model.clock().now();
  bool expired = false;
  for (const auto& secret : application.secrets) {
    // Its first characters are known to its owner and say which one is meant.
    if (!shown.starts_with(secret.hint)) continue;
    const auto matches = matches_secret(shown, secret.hash);
    if (!matches) return refuse(matches.error());
    if (!*matches) continue;
    expired = now >= secret.end;
    if (!expired) return secret.key_id;
  }
  if (expired) {
    return refuse(401, "invalid_client", 7000222,
                  fmt::format("The provided client secret keys for app '{}' are expired. Make a "
                              "new one: az ad app credential reset.",
                              application.app_id));
  }
  return refuse(401, "invalid_client", 7000215,
                fmt::format("Invalid client secret provided. Ensure the secret being sent in the "
                            "request is the client secret value, not the client secret ID, for a "
                            "secret added to app '{}'.",
                            application.app_id));
}

// What a client shows for itself, from the header or the form but not from both.
struct Shown {
  std::string client_id;
  std::string secret;
  std::string assertion;
};

Answer<Shown> parse_shown(const Form& form, std::string_view authorization) {
  const auto basic = parse_basic(authorization);
  if (!basic) return refuse(basic.error());
  Shown shown = {.client_id = std::string(field(form, "client_id")),
                 .secret = std::string(field(form, "client_secret")),
                 .assertion = std::string(field(form, "client_assertion"))};
  if (*basic) {
    if (!shown.secret.empty() || (!shown.client_id.empty() && shown.client_id != (*basic)->id)) {
      return refuse(400, "invalid_request", 90013,
                    "The client names itself in the Authorization header and, differently or with "
                    "a secret, in the body. Use one of them.");
    }
    shown.client_id = (*basic)->id;
    shown.secret = (*basic)->secret;
  }
  if (shown.client_id.empty()) return missing_field("client_id");
  if (!shown.secret.empty() && !shown.assertion.empty()) {
    return refuse(400, "invalid_request", 90013,
                  "Both a client secret and a client assertion are given. Use one of them.");
  }
  if (!shown.assertion.empty() && field(form, "client_assertion_type") != assertion_type) {
    return refuse(400, "invalid_request", 90013,
                  fmt::format("The 'client_assertion_type' must be '{}'.", assertion_type));
  }
  return shown;
}

// "http://localhost:4711/x" without the port; nullopt when it is not of the loopback.
std::optional<std::string> without_port(std::string_view uri) {
  for (const std::string_view host : {"http://localhost", "http://127.0.0.1", "http://[::1]"}) {
    if (!uri.starts_with(host)) continue;
    auto rest = uri.substr(host.size());
    if (rest.starts_with(':')) {
      const auto end = std::min(rest.find('/'), rest.size());
      if (!parse_int(rest.substr(1, end - 1), 1, 65535)) return std::nullopt;
      rest = rest.substr(end);
    }
    if (!rest.empty() && !rest.starts_with('/')) return std::nullopt;
    return std::string(host) + (rest == "/" ? "" : std::string(rest));
  }
  return std::nullopt;
}

bool is_ours(const Desk& desk, std::string_view base_url) {
  auto host = base_url.substr(std::min(base_url.find("://") + 3, base_url.size()));
  if (const auto port = host.rfind(':'); port != host.npos && !host.ends_with(']')) {
    host = host.substr(0, port);
  }
  return desk.hosts.empty() || std::ranges::any_of(desk.hosts, [&](const std::string& name) {
           return iequals(name, host);
         });
}

bool may_use(const Roster& everybody, const Client& client, std::string_view tenant) {
  if (client.home.empty()) return true;
  const auto* principal = everybody.find_service_principal(tenant, client.app_id);
  return principal != nullptr && principal->enabled;
}

}  // namespace

Answer<Client> find_client(const Desk& desk, std::string_view app_id) {
  const auto everybody = TRY(roster_of(desk));
  if (const auto* application = everybody->find_application(app_id)) {
    return Client{.app_id = application->app_id,
                  .name = application->name,
                  .home = application->tenant,
                  .is_public = application->secrets.empty() && application->certificates.empty() &&
                               application->federated.empty(),
                  .redirect_uris = application->redirect_uris};
  }
  if (iequals(app_id, azure_cli)) {
    return Client{.app_id = std::string(azure_cli),
                  .name = "Azure CLI",
                  .home = {},
                  .is_public = true,
                  .redirect_uris = {"http://localhost"}};
  }
  return no_application(app_id, desk.directory.first_tenant());
}

Answer<Client> check_client(Desk& desk, const Where& where, const Form& form,
                            std::string_view authorization) {
  const auto shown = TRY(parse_shown(form, authorization));
  if (const auto wait = desk.throttle.blocked(peer_name(where), Throttle::peer_failures_max)) {
    return too_many(*wait);
  }
  auto found = find_client(desk, shown.client_id);
  if (!found) {
    desk.throttle.failed(peer_name(where));
    return std::unexpected(found.error());
  }
  Client client = std::move(*found);
  if (shown.secret.empty() && shown.assertion.empty()) return client;

  const auto everybody = TRY(roster_of(desk));
  const auto* application = everybody->find_application(client.app_id);
  if (application == nullptr || client.is_public) {
    return refuse(401, "invalid_client", 700025,
                  "Client is public so neither 'client_assertion' nor 'client_secret' should be "
                  "presented.");
  }
  // Only a secret can be guessed; a signature cannot, and is not locked out by others' guesses.
  // Made secrets cannot be guessed, so only the address that fails is held back: nobody locks an
  // application out from elsewhere.
  const std::string account = fmt::format("client {} {}", client.app_id, peer_name(where));
  Answer<std::string> good;
  if (!shown.secret.empty()) {
    if (const auto wait = desk.throttle.blocked(account, Throttle::account_failures_max)) {
      return too_many(*wait);
    }
    good = check_secret(desk, *application, shown.secret);
    client.proof = "1";
  } else {
    if (!is_ours(desk, where.base_url)) {
      return refuse(401, "invalid_client", 700023,
                    "A client assertion can be shown to this server only under one of its names.");
    }
    Meant meant = {.base_url = where.base_url,
                   .tenants = {where.tenant, where.written, application->tenant, "adfs", "common",
                               "organizations"}};
    if (const auto* tenant = everybody->find_tenant(application->tenant)) {
      meant.tenants.push_back(tenant->domain);
    }
    good = desk.assertions.check(*application, meant, shown.assertion, where.peer);
    client.proof = "2";
  }
  if (!good) {
    if (good.error().status < 500) {
      desk.throttle.failed(peer_name(where));
      if (!shown.secret.empty()) desk.throttle.failed(account);
    }
    return std::unexpected(good.error());
  }
  if (!shown.secret.empty()) desk.throttle.succeeded(account);
  client.credential = std::move(*good);
  return client;
}

Answer<Principal> service_principal(const Desk& desk, const Where& where, const Client& client) {
  const auto everybody = TRY(roster_of(desk));
  const std::string tenant = arm::is_guid(where.tenant) ? where.tenant : client.home;
  const auto* principal = everybody->find_service_principal(tenant, client.app_id);
  if (principal == nullptr || !principal->enabled) return no_application(client.app_id, tenant);
  return *principal;
}

Answer<Principal> check_user(Desk& desk, const Where& where, const Client& client,
                             const std::string& user_name, const std::string& password) {
  if (user_name.empty()) return missing_field("username");
  if (password.empty()) return missing_field("password");
  if (user_name.size() > user_name_bytes_max) return wrong_password();
  // Nobody locks a user out from elsewhere: only where he has not signed in from before do the
  // failures of all addresses together count.
  const std::string everywhere = "user " + to_lower(user_name);
  const std::string account = everywhere + " " + peer_name(where);
  if (desk.throttle.blocked(account, Throttle::account_failures_max) ||
      (!desk.throttle.knows(account) &&
       desk.throttle.blocked(everywhere, Throttle::user_failures_max)) ||
      desk.throttle.blocked(peer_name(where), Throttle::peer_failures_max)) {
    return locked();
  }
  // As much work for a name that is not there.
  static const std::string nobody = hash_secret("nobody", system_random());
  const auto everybody = TRY(roster_of(desk));
  const auto* user = everybody->find_user(user_name);
  const bool may_try = user != nullptr && !user->password_hash.empty();
  const auto pass = desk.gate.enter();
  if (!pass) return refuse(pass.error());
  const auto matches = matches_secret(password, may_try ? user->password_hash : nobody);
  if (!matches) return refuse(matches.error());
  if (!may_try || !*matches || (arm::is_guid(where.tenant) && user->tenant != where.tenant)) {
    for (const auto& counted : {account, everywhere, peer_name(where)}) {
      desk.throttle.failed(counted);
    }
    return wrong_password();
  }
  desk.throttle.succeeded(account);
  return same_user(desk, where, client, {user->object_id, user->password_key});
}

Answer<Principal> same_user(const Desk& desk, const Where& where, const Client& client,
                            const SignedIn& signed_in) {
  const auto everybody = TRY(roster_of(desk));
  const auto* user = everybody->find_principal(signed_in.user);
  if (user == nullptr || user->type != PrincipalType::user || user->password_key.empty() ||
      user->password_key != signed_in.password_key ||
      (arm::is_guid(where.tenant) && user->tenant != where.tenant)) {
    return refuse(400, "invalid_grant", 50173,
                  "The provided grant has expired due to it being revoked: the user is gone, of "
                  "another tenant or has another password. Sign in again.");
  }
  if (!user->enabled) {
    return refuse(400, "invalid_grant", 50057, "The user account is disabled.");
  }
  if (!may_use(*everybody, client, user->tenant))
    return no_application(client.app_id, user->tenant);
  return *user;
}

bool may_redirect(const Client& client, std::string_view uri) {
  const auto scheme = uri.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return false;
  for (const char c : uri) {
    if (c <= ' ' || c >= 0x7f || c == '#' || c == '"' || c == '\\' || c == '<') return false;
  }
  if (std::ranges::find(client.redirect_uris, uri) != client.redirect_uris.end()) return true;
  const auto loopback = client.is_public ? without_port(uri) : std::nullopt;
  if (!loopback) return false;
  return std::ranges::any_of(client.redirect_uris, [&](const std::string& each) {
    return without_port(each) == loopback;
  });
}

}  // namespace pinaco::identity
