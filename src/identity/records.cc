#include "identity/records.h"

namespace pinaco::identity {
namespace {

std::string text_of(const Json& json, std::string_view name) {
  return std::string(string_at(json, name));
}

WallTime time_of(const Json& json, std::string_view name) {
  return parse_iso8601(string_at(json, name)).value_or(WallTime{});
}

std::vector<std::string> texts_of(const Json& json, std::string_view name) {
  std::vector<std::string> texts;
  const Json* found = find_path(json, name);
  if (found == nullptr || !found->is_array()) return texts;
  for (const Json& each : found->get_array()) {
    if (each.is_string()) texts.emplace_back(each.get_string());
  }
  return texts;
}

JsonArray array_of(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

template <typename T, typename Read>
std::vector<T> list_of(const Json& json, std::string_view name, Read read) {
  std::vector<T> rows;
  const Json* found = find_path(json, name);
  if (found == nullptr || !found->is_array()) return rows;
  for (const Json& each : found->get_array()) rows.push_back(read(each));
  return rows;
}

Json to_json(const Secret& secret) {
  return JsonObject{{"keyId", secret.key_id},
                    {"name", secret.name},
                    {"hint", secret.hint},
                    {"hash", secret.hash},
                    {"start", to_iso8601(secret.start)},
                    {"end", to_iso8601(secret.end)}};
}

Secret secret_from(const Json& json) {
  return Secret{.key_id = text_of(json, "keyId"),
                .name = text_of(json, "name"),
                .hint = text_of(json, "hint"),
                .hash = text_of(json, "hash"),
                .start = time_of(json, "start"),
                .end = time_of(json, "end")};
}

Json to_json(const Certificate& certificate) {
  return JsonObject{{"keyId", certificate.key_id},
                    {"name", certificate.name},
                    {"pem", certificate.pem},
                    {"thumbprint", certificate.thumbprint},
                    {"start", to_iso8601(certificate.start)},
                    {"end", to_iso8601(certificate.end)}};
}

Certificate certificate_from(const Json& json) {
  return Certificate{.key_id = text_of(json, "keyId"),
                     .name = text_of(json, "name"),
                     .pem = text_of(json, "pem"),
                     .thumbprint = text_of(json, "thumbprint"),
                     .start = time_of(json, "start"),
                     .end = time_of(json, "end")};
}

Json to_json(const FederatedCredential& federated) {
  return JsonObject{{"id", federated.id},
                    {"name", federated.name},
                    {"issuer", federated.issuer},
                    {"subject", federated.subject},
                    {"audiences", array_of(federated.audiences)},
                    {"description", federated.description}};
}

FederatedCredential federated_from(const Json& json) {
  return FederatedCredential{.id = text_of(json, "id"),
                             .name = text_of(json, "name"),
                             .issuer = text_of(json, "issuer"),
                             .subject = text_of(json, "subject"),
                             .audiences = texts_of(json, "audiences"),
                             .description = text_of(json, "description")};
}

template <typename T>
JsonArray rows_of(const std::vector<T>& list) {
  JsonArray rows;
  for (const T& each : list) rows.push_back(to_json(each));
  return rows;
}

}  // namespace

std::string_view to_string(PrincipalType type) {
  switch (type) {
    case PrincipalType::user:
      return "User";
    case PrincipalType::group:
      return "Group";
    case PrincipalType::service_principal:
      break;
  }
  return "ServicePrincipal";
}

Json to_json(const Tenant& tenant) {
  return JsonObject{{"id", tenant.id}, {"name", tenant.name}, {"domain", tenant.domain}};
}

Tenant tenant_from(const Json& json) {
  return Tenant{
      .id = text_of(json, "id"), .name = text_of(json, "name"), .domain = text_of(json, "domain")};
}

Json to_json(const Subscription& subscription) {
  return JsonObject{{"id", subscription.id},
                    {"tenant", subscription.tenant},
                    {"name", subscription.name},
                    {"managementGroup", subscription.management_group}};
}

Subscription subscription_from(const Json& json) {
  return Subscription{.id = text_of(json, "id"),
                      .tenant = text_of(json, "tenant"),
                      .name = text_of(json, "name"),
                      .management_group = text_of(json, "managementGroup")};
}

Json to_json(const Application& application) {
  return JsonObject{{"id", application.id},
                    {"appId", application.app_id},
                    {"tenant", application.tenant},
                    {"name", application.name},
                    {"multiTenant", application.multi_tenant},
                    {"redirectUris", array_of(application.redirect_uris)},
                    {"publicRedirectUris", array_of(application.public_redirect_uris)},
                    {"secrets", rows_of(application.secrets)},
                    {"certificates", rows_of(application.certificates)},
                    {"federated", rows_of(application.federated)},
                    {"created", to_iso8601(application.created)}};
}

Application application_from(const Json& json) {
  return Application{.id = text_of(json, "id"),
                     .app_id = text_of(json, "appId"),
                     .tenant = text_of(json, "tenant"),
                     .name = text_of(json, "name"),
                     .multi_tenant = bool_at(json, "multiTenant"),
                     .redirect_uris = texts_of(json, "redirectUris"),
                     .public_redirect_uris = texts_of(json, "publicRedirectUris"),
                     .secrets = list_of<Secret>(json, "secrets", secret_from),
                     .certificates = list_of<Certificate>(json, "certificates", certificate_from),
                     .federated = list_of<FederatedCredential>(json, "federated", federated_from),
                     .created = time_of(json, "created")};
}

Json to_json(const Principal& principal) {
  return JsonObject{{"objectId", principal.object_id},
                    {"tenant", principal.tenant},
                    {"type", to_string(principal.type)},
                    {"name", principal.name},
                    {"enabled", principal.enabled},
                    {"appId", principal.app_id},
                    {"userName", principal.user_name},
                    {"mail", principal.mail},
                    {"nickname", principal.nickname},
                    {"description", principal.description},
                    {"passwordHash", principal.password_hash},
                    {"passwordKey", principal.password_key},
                    {"members", array_of(principal.members)},
                    {"created", to_iso8601(principal.created)}};
}

Principal principal_from(const Json& json) {
  const auto type = string_at(json, "type");
  return Principal{.object_id = text_of(json, "objectId"),
                   .tenant = text_of(json, "tenant"),
                   .type = type == "User"    ? PrincipalType::user
                           : type == "Group" ? PrincipalType::group
                                             : PrincipalType::service_principal,
                   .name = text_of(json, "name"),
                   .enabled = bool_at(json, "enabled", true),
                   .app_id = text_of(json, "appId"),
                   .user_name = text_of(json, "userName"),
                   .mail = text_of(json, "mail"),
                   .nickname = text_of(json, "nickname"),
                   .description = text_of(json, "description"),
                   .password_hash = text_of(json, "passwordHash"),
                   .password_key = text_of(json, "passwordKey"),
                   .members = texts_of(json, "members"),
                   .created = time_of(json, "created")};
}

}  // namespace pinaco::identity
