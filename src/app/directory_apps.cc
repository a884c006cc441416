// `pinaco app`: applications that log in by themselves. Each gets its service principal with it.
#include <fmt/format.h>

#include "app/directory.h"
#include "arm/arm.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

constexpr std::size_t certificate_bytes_max = 64 << 10;

// By client id, object id or name.
Result<Json> get_app(const DirectoryCall& call) {
  const auto& name = call.options.name;
  if (!arm::is_guid(name)) return find_by_name(call.connection, "applications", "app", name);
  if (auto found = TRY(call.connection.find("/v1.0/applications(appId='" + name + "')"))) {
    return std::move(*found);
  }
  if (auto found = TRY(call.connection.find("/v1.0/applications/" + name))) {
    return std::move(*found);
  }
  return fail(Kind::not_found,
              fmt::format("There is no app with the id {}. `pinaco app list` shows "
                          "those that there are.",
                          name));
}

std::string path_of_app(const Json& app) {
  return fmt::format("/v1.0/applications/{}", string_at(app, "id"));
}

Result<> create_app(const DirectoryCall& call) {
  const auto& options = call.options;
  TRY(check_new(TRY(call.connection.list(filter_path("applications", "displayName", options.name))),
                "displayName", "appId", "app", options.name));
  JsonObject body{
      {"displayName", options.name},
      {"signInAudience", options.multi_tenant ? "AzureADMultipleOrgs" : "AzureADMyOrg"}};
  if (!options.redirect_uris.empty()) {
    body["publicClient"] = JsonObject{
        {"redirectUris", JsonArray(options.redirect_uris.begin(), options.redirect_uris.end())}};
  }
  const Json ask = body;
  auto made = TRY(call.connection.send("POST", "/v1.0/applications", &ask))
  .body;
  const Json principal = JsonObject{{"appId", string_at(made, "appId")}};
  const auto with = TRY(call.connection.send("POST", "/v1.0/servicePrincipals", &principal))
  .body;
  made.get_object()["servicePrincipalId"] = string_at(with, "id");
  print_one(call.console, made,
            {{"Name", "displayName"}, {"Client id", "appId"}, {"Object id", "servicePrincipalId"}});
  call.console.print(
      fmt::format("It logs in once it has a secret: `pinaco app secret add {}`. "
                  "Roles are given to its object id.\n",
                  string_at(made, "appId")));
  call.console.print_json(made);
  return {};
}

Result<> list_apps(const DirectoryCall& call) {
  print_list(call.console, TRY(call.connection.list("/v1.0/applications")),
             {{"NAME", "displayName"},
              {"CLIENT ID", "appId"},
              {"AUDIENCE", "signInAudience"},
              {"CREATED", "createdDateTime"}});
  return {};
}

void add_credentials(Table& table, const Json& object, const char* member, const char* kind) {
  const Json* list = find_path(object, member);
  if (list == nullptr || !list->is_array()) return;
  for (const auto& each : list->get_array()) {
    table.push_back({kind, std::string(string_at(each, "displayName")),
                     std::string(string_at(each, "keyId")),
                     std::string(string_at(each, "endDateTime"))});
  }
}

Result<> show_app(const DirectoryCall& call) {
  auto app = TRY(get_app(call));
  const auto federated =
      TRY(call.connection.list(path_of_app(app) + "/federatedIdentityCredentials"));
  const auto principals =
      TRY(call.connection.list(filter_path("servicePrincipals", "appId", string_at(app, "appId"))));
  auto& object = app.get_object();
  object["federatedIdentityCredentials"] = JsonArray(federated.begin(), federated.end());
  object["servicePrincipalId"] = principals.empty() ? "" : string_at(principals[0], "id");
  print_one(call.console, app,
            {{"Name", "displayName"},
             {"Client id", "appId"},
             {"Object id", "servicePrincipalId"},
             {"Audience", "signInAudience"},
             {"Created", "createdDateTime"}});
  Table table{{"CREDENTIAL", "NAME", "KEY ID", "ENDS"}};
  add_credentials(table, app, "passwordCredentials", "secret");
  add_credentials(table, app, "keyCredentials", "certificate");
  for (const auto& each : federated) {
    table.push_back({"federated", std::string(string_at(each, "name")),
                     std::string(string_at(each, "id")), ""});
  }
  if (table.size() > 1) call.console.print_table(table);
  call.console.print_json(app);
  return {};
}

Result<> delete_app(const DirectoryCall& call) {
  const auto app = TRY(get_app(call));
  const std::string name(string_at(app, "displayName"));
  TRY(check_yes(call, fmt::format("the app {} ({})", name, string_at(app, "appId"))));
  TRY(call.connection.send("DELETE", path_of_app(app)));
  call.console.print(fmt::format("Deleted app {}.\n", name));
  call.console.print_json(JsonObject{{"deleted", string_at(app, "appId")}});
  return {};
}

Result<> add_secret(const DirectoryCall& call) {
  const auto app = TRY(get_app(call));
  const auto end = system_clock().now() + std::chrono::hours(24) * call.options.days;
  const Json body = JsonObject{
      {"passwordCredential", JsonObject{{"displayName", call.options.display_name},
                                        {"endDateTime", to_iso8601(end).substr(0, 19) + "Z"}}}};
  const auto path = path_of_app(app) + "/addPassword";
  auto made = TRY(call.connection.send("POST", path, &body))
  .body;
  made.get_object()["appId"] = string_at(app, "appId");
  made.get_object()["tenant"] = call.connection.login().tenant;
  print_one(call.console, made,
            {{"Tenant", "tenant"},
             {"Client id", "appId"},
             {"Client secret", "secretText"},
             {"Key id", "keyId"},
             {"Ends", "endDateTime"}});
  call.console.print("The secret is shown this once; the server keeps only its hash.\n");
  call.console.print_json(made);
  return {};
}

Result<> remove_secret(const DirectoryCall& call) {
  const auto app = TRY(get_app(call));
  const Json body = JsonObject{{"keyId", call.options.other}};
  TRY(call.connection.send("POST", path_of_app(app) + "/removePassword", &body));
  call.console.print(
      fmt::format("Removed secret {}: who uses it is refused from now on.\n", call.options.other));
  call.console.print_json(JsonObject{{"removed", call.options.other}});
  return {};
}

Result<> add_certificate(const DirectoryCall& call) {
  const auto app = TRY(get_app(call));
  const auto file = TRY(os::read_file(call.options.other, certificate_bytes_max));
  // Only the certificate: a private key in the same file stays here.
  std::string bytes = file;
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view end = "-----END CERTIFICATE-----";
  if (const auto at = file.find(begin); at != std::string::npos) {
    const auto stop = file.find(end, at);
    if (stop != std::string::npos) bytes = file.substr(at, stop + end.size() - at) + "\n";
  } else if (file.starts_with("-----BEGIN")) {
    return fail(Kind::invalid, fmt::format("{} has no certificate in it, but something else. Name "
                                           "the file with the public X.509 certificate.",
                                           call.options.other));
  }
  JsonArray keys;
  if (const Json* present = find_path(app, "keyCredentials"); present && present->is_array()) {
    for (const auto& each : present->get_array()) {
      keys.push_back(JsonObject{{"keyId", string_at(each, "keyId")}});
    }
  }
  keys.push_back(JsonObject{{"type", "AsymmetricX509Cert"},
                            {"usage", "Verify"},
                            {"displayName", call.options.display_name},
                            {"key", to_base64(as_bytes(bytes))}});
  const Json body = JsonObject{{"keyCredentials", std::move(keys)}};
  TRY(call.connection.send("PATCH", path_of_app(app), &body));
  const auto now = TRY(call.connection.get(path_of_app(app)));
  call.console.print(fmt::format("App {} now accepts the certificate of {}.\n",
                                 string_at(app, "displayName"), call.options.other));
  call.console.print_json(now);
  return {};
}

Result<> add_federated(const DirectoryCall& call) {
  const auto app = TRY(get_app(call));
  const auto& options = call.options;
  JsonObject body{{"name", options.display_name},
                  {"issuer", options.issuer},
                  {"subject", options.subject},
                  {"audiences", JsonArray{Json(options.audience)}}};
  if (!options.description.empty()) body["description"] = options.description;
  const Json ask = body;
  const auto made =
      TRY(call.connection.send("POST", path_of_app(app) + "/federatedIdentityCredentials", &ask))
  .body;
  call.console.print(fmt::format("App {} now accepts the tokens of {} for '{}'.\n",
                                 string_at(app, "displayName"), options.issuer, options.subject));
  call.console.print_json(made);
  return {};
}

}  // namespace

std::vector<NamedCommand> app_commands() {
  return {{"app create", create_app},
          {"app list", list_apps},
          {"app show", show_app},
          {"app delete", delete_app},
          {"app secret add", add_secret},
          {"app secret remove", remove_secret},
          {"app certificate add", add_certificate},
          {"app federated add", add_federated}};
}

}  // namespace pinaco::app
