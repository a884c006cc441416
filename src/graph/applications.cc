// Applications: registrations that service principals are made of.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "graph/call.h"

namespace pinaco::graph {
namespace {

constexpr std::size_t redirects_max = 100;
constexpr std::size_t redirect_bytes_max = 2048;

Json password_json(const identity::Secret& secret) {
  return JsonObject{{"customKeyIdentifier", nullptr},
                    {"displayName", text_or_null(secret.name)},
                    {"endDateTime", time_text(secret.end)},
                    {"hint", secret.hint},
                    {"keyId", secret.key_id},
                    {"secretText", nullptr},
                    {"startDateTime", time_text(secret.start)}};
}

Json key_json(const identity::Certificate& certificate) {
  const auto thumbprint = from_hex(certificate.thumbprint);
  return JsonObject{{"customKeyIdentifier", thumbprint ? to_base64(*thumbprint) : ""},
                    {"displayName", text_or_null(certificate.name)},
                    {"endDateTime", time_text(certificate.end)},
                    {"key", nullptr},
                    {"keyId", certificate.key_id},
                    {"startDateTime", time_text(certificate.start)},
                    {"type", "AsymmetricX509Cert"},
                    {"usage", "Verify"}};
}

// "http://localhost", "https://..." or a scheme of a program's own.
bool is_redirect(std::string_view uri) {
  const auto colon = uri.find("://");
  return colon != std::string_view::npos && colon > 0 && uri.size() > colon + 3 &&
         uri.find('#') == std::string_view::npos && uri.find('*') == std::string_view::npos;
}

// web.redirectUris and publicClient.redirectUris: each replaces what was there of its kind.
Result<> read_redirects(const Json& body, Application& application) {
  std::vector<std::string> web;
  for (const auto& uri : application.redirect_uris) {
    if (std::ranges::find(application.public_redirect_uris, uri) ==
        application.public_redirect_uris.end()) {
      web.push_back(uri);
    }
  }
  if (auto given = TRY(find_texts(body, "web.redirectUris", redirects_max, redirect_bytes_max))) {
    web = std::move(*given);
  }
  auto all = web;
  auto& others = application.public_redirect_uris;
  if (auto given =
          TRY(find_texts(body, "publicClient.redirectUris", redirects_max, redirect_bytes_max))) {
    others = std::move(*given);
  }
  all.insert(all.end(), others.begin(), others.end());
  for (const auto& uri : all) {
    if (!is_redirect(uri)) {
      return fail(
          bad_request(fmt::format("Invalid value specified for property 'redirectUris': "
                                  "'{}' is not a URI with a scheme, or has a fragment or "
                                  "a wildcard.",
                                  uri.substr(0, 200))));
    }
    if (std::ranges::count(all, uri) > 1) {
      return fail(
          bad_request(fmt::format("The redirect URI '{}' is named twice: they must be "
                                  "distinct across web and publicClient.",
                                  uri.substr(0, 200))));
    }
  }
  application.redirect_uris = std::move(all);
  return {};
}

Result<> refuse_unsupported(const Json& body) {
  for (const char* path : {"identifierUris", "spa.redirectUris"}) {
    const Json* found = find_path(body, path);
    if (found == nullptr || !found->is_array() || found->get_array().empty()) continue;
    return fail(
        bad_request(fmt::format("This server keeps no '{}'. Leave them out: clients ask "
                                "for an application by its appId.",
                                path)));
  }
  return {};
}

Result<> read_into(const Call& call, Application& application) {
  const auto& body = call.body;
  TRY(refuse_unsupported(body));
  if (TRY(find_text(body, "displayName"))) application.name = TRY(get_text(body, "displayName"));
  if (const auto audience = TRY(find_text(body, "signInAudience"))) {
    if (*audience != "AzureADMyOrg" && *audience != "AzureADMultipleOrgs") {
      return fail(bad_request(fmt::format(
          "Invalid value specified for property 'signInAudience': '{}'. This server knows "
          "AzureADMyOrg and AzureADMultipleOrgs.",
          *audience)));
    }
    application.multi_tenant = *audience == "AzureADMultipleOrgs";
  }
  TRY(read_redirects(body, application));
  if (const Json* keys = find_path(body, "keyCredentials"); keys != nullptr && !keys->is_null()) {
    application.certificates = TRY(read_certificates(call, *keys, application.certificates));
  }
  return {};
}

Result<Answer> create(const Call& call) {
  TRY(may_write(call, "applications"));
  if (call.everybody->applications().size() >= identity::principals_max) {
    return fail(too_many("applications", identity::principals_max));
  }
  auto& random = call.model.random();
  auto name = TRY(get_text(call.body, "displayName"));
  Application made{.id = random.uuid(),
                   .app_id = random.uuid(),
                   .tenant = call.caller.tenant,
                   .name = std::move(name),
                   .created = call.model.clock().now()};
  TRY(read_into(call, made));
  TRY(call.directory.edit([&](Edit& edit) { return edit.put(made); }));
  return entity(call, "applications", show(made, call.tenant()), 201);
}

std::vector<std::string> ids_of(const std::vector<Principal>& principals) {
  std::vector<std::string> ids;
  for (const auto& each : principals) ids.push_back(each.object_id);
  return ids;
}

Result<Answer> update(const Call& call, const Application& application) {
  const auto theirs = service_principals_of(*call.everybody, application.app_id);
  TRY(may_take_over(call, ids_of(theirs)));
  auto wanted = application;
  TRY(read_into(call, wanted));
  // An application of one tenant has nothing left in the others.
  if (application.multi_tenant && !wanted.multi_tenant) {
    auto others = theirs;
    std::erase_if(others, [&](const Principal& each) { return each.tenant == wanted.tenant; });
    TRY(erase_principals(call, others));
  }
  TRY(change_application(call, application, [&](Edit& edit, Application& now) -> Result<> {
    now = wanted;
    for (const auto& each : theirs) {
      auto principal = TRY(edit.find_principal(each.object_id));
      if (!principal || principal->name == wanted.name) continue;
      principal->name = wanted.name;
      TRY(edit.put(*principal));
    }
    return {};
  }));
  return nothing();
}

Result<Answer> erase(const Call& call, const Application& application) {
  const auto theirs = service_principals_of(*call.everybody, application.app_id);
  TRY(may_take_over(call, ids_of(theirs)));
  TRY(erase_principals(call, theirs,
                       [&](Edit& edit) { return edit.erase_application(application.app_id); }));
  return nothing();
}

Result<Answer> answer_owners(const Call& call) {
  if (call.is("GET", 3)) return page(call, "directoryObjects", {}, JsonObject{{"id", ""}});
  return fail(bad_request(
      "This server keeps no owners of objects: who may change them is told by roles. Assign the "
      "role Owner or Contributor at the scope '/' instead."));
}

}  // namespace

Json show(const Application& application, const identity::Tenant& tenant) {
  JsonArray passwords;
  for (const auto& each : application.secrets) passwords.push_back(password_json(each));
  JsonArray keys;
  for (const auto& each : application.certificates) keys.push_back(key_json(each));
  JsonArray web;
  const auto& others = application.public_redirect_uris;
  for (const auto& uri : application.redirect_uris) {
    if (std::ranges::find(others, uri) == others.end()) web.emplace_back(uri);
  }
  return JsonObject{
      {"id", application.id},
      {"deletedDateTime", nullptr},
      {"appId", application.app_id},
      {"createdDateTime", time_text(application.created)},
      {"displayName", application.name},
      {"description", nullptr},
      {"identifierUris", JsonArray()},
      {"publisherDomain", tenant.domain},
      {"signInAudience", application.multi_tenant ? "AzureADMultipleOrgs" : "AzureADMyOrg"},
      {"isFallbackPublicClient", nullptr},
      {"tags", JsonArray()},
      {"api", JsonObject{{"knownClientApplications", JsonArray()},
                         {"oauth2PermissionScopes", JsonArray()},
                         {"preAuthorizedApplications", JsonArray()}}},
      {"appRoles", JsonArray()},
      {"requiredResourceAccess", JsonArray()},
      {"web", JsonObject{{"homePageUrl", nullptr},
                         {"logoutUrl", nullptr},
                         {"redirectUris", std::move(web)},
                         {"implicitGrantSettings", JsonObject{{"enableAccessTokenIssuance", false},
                                                              {"enableIdTokenIssuance", false}}}}},
      {"publicClient", JsonObject{{"redirectUris", array_of(others)}}},
      {"spa", JsonObject{{"redirectUris", JsonArray()}}},
      {"passwordCredentials", std::move(passwords)},
      {"keyCredentials", std::move(keys)}};
}

Result<const Application*> get_application(const Call& call, std::string_view id) {
  const Application* found = nullptr;
  constexpr std::string_view by_app_id = "(appId='";
  if (id.starts_with(by_app_id)) {
    found = call.everybody->find_application(
        id.substr(by_app_id.size(), id.size() - by_app_id.size() - 2));
  } else {
    found = call.everybody->find_application_by_id(id);
  }
  if (found == nullptr || found->tenant != call.caller.tenant) return fail(not_found(id));
  return found;
}

Result<Answer> answer_applications(const Call& call) {
  if (call.is("GET", 1)) {
    std::vector<Json> shown;
    for (const auto& [id, each] : call.everybody->applications()) {
      if (each.tenant == call.caller.tenant) shown.push_back(show(each, call.tenant()));
    }
    return page(call, "applications", std::move(shown), show(Application{}, call.tenant()));
  }
  if (call.is("POST", 1)) return create(call);
  if (call.path.size() < 2) return fail(no_such_path(call));
  const auto* application = TRY(get_application(call, call.path[1]));
  if (call.is("GET", 2)) {
    return entity(call, "applications", show(*application, call.tenant()));
  }
  const std::string_view below = call.path.size() > 2 ? std::string_view(call.path[2]) : "";
  if (iequals(below, "owners")) return answer_owners(call);
  if (call.method != "GET") TRY(may_write(call, "applications"));
  if (call.is("PATCH", 2)) return update(call, *application);
  if (call.is("DELETE", 2)) return erase(call, *application);
  if (call.method != "GET") {
    TRY(may_take_over(call, ids_of(service_principals_of(*call.everybody, application->app_id))));
  }
  if (iequals(below, "federatedIdentityCredentials")) return answer_federated(call, *application);
  return answer_credentials(call, *application);
}

}  // namespace pinaco::graph
