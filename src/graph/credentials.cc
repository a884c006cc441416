// What applications show when they log in: passwords, certificates, tokens of others.
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "graph/call.h"

namespace pinaco::graph {
namespace {

constexpr std::chrono::years secret_life{2};
constexpr std::size_t certificate_bytes_max = 16 << 10;
constexpr std::size_t federated_text_bytes_max = 600;

using identity::Certificate;
using identity::FederatedCredential;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::optional<WallTime> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

// DER, or PEM as text.
X509Ptr parse_x509(ByteView bytes) {
  if (as_text(bytes).starts_with("-----BEGIN")) {
    const BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), BIO_free);
    return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
  }
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  X509Ptr parsed(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())), X509_free);
  if (at != end) parsed.reset();
  return parsed;
}

// Keys that are long enough to be worth something: RSA of 2,048 bits, curves of 256.
bool is_strong(X509* x509) {
  EVP_PKEY* key = X509_get0_pubkey(x509);
  if (key == nullptr) return false;
  const int least = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? 2048 : 256;
  const bool known =
      EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA || EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
  return known && EVP_PKEY_get_bits(key) >= least;
}

Result<Certificate> parse_certificate(std::string_view key) {
  const auto wrong = [](std::string_view why) {
    return fail(bad_request(fmt::format("Key value is invalid certificate: {}", why)));
  };
  if (key.size() > certificate_bytes_max) return wrong("it is over 16 KiB.");
  std::string text;
  for (const char c : key) {
    if (c != '\n' && c != '\r' && c != ' ') text += c;
  }
  const auto bytes = from_base64(text);
  if (!bytes || bytes->empty()) {
    return wrong("'key' must be the base64 of an X.509 certificate in DER or PEM.");
  }
  const auto x509 = parse_x509(*bytes);
  if (x509 == nullptr) return wrong("it is neither DER nor PEM of one X.509 certificate.");
  if (!is_strong(x509.get())) return wrong("its key must be RSA of 2048 bits or more, or EC.");
  Certificate made;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const BioPtr pem(BIO_new(BIO_s_mem()), BIO_free);
  char* data = nullptr;
  const bool written = X509_digest(x509.get(), EVP_sha1(), digest, &size) == 1 &&
                       PEM_write_bio_X509(pem.get(), x509.get()) == 1;
  const long length = written ? BIO_get_mem_data(pem.get(), &data) : 0;
  const auto start = time_of(X509_get0_notBefore(x509.get()));
  const auto end = time_of(X509_get0_notAfter(x509.get()));
  if (length <= 0 || !start || !end) return wrong("its dates cannot be read.");
  made.pem.assign(data, static_cast<std::size_t>(length));
  made.thumbprint = to_upper(to_hex(ByteView(digest, size)));
  made.start = *start;
  made.end = *end;
  return made;
}

Result<Answer> add_password(const Call& call, const Application& application) {
  if (application.secrets.size() >= identity::credentials_max) {
    return fail(too_many("passwords of this application", identity::credentials_max));
  }
  const auto now = call.model.clock().now();
  const auto start = TRY(find_time(call.body, "passwordCredential.startDateTime"))
  .value_or(now);
  const auto end = TRY(find_time(call.body, "passwordCredential.endDateTime"))
  .value_or(start + secret_life);
  if (end <= start || end <= now) {
    return fail(
        bad_request("The password would have ended already: its endDateTime must be in "
                    "the future and after its startDateTime."));
  }
  auto name = TRY(find_text(call.body, "passwordCredential.displayName"))
  .value_or("");
  const auto made = identity::new_secret(call.model.random(), std::move(name), start, end);
  TRY(change_application(call, application, [&](Edit&, Application& changed) -> Result<> {
    changed.secrets.push_back(made.secret);
    return {};
  }));
  return Answer{
      .body = JsonObject{
          {"@odata.context", fmt::format("{}/{}/$metadata#microsoft.graph.passwordCredential",
                                         call.base_url, call.version)},
          {"customKeyIdentifier", nullptr},
          {"displayName", text_or_null(made.secret.name)},
          {"endDateTime", time_text(end)},
          {"hint", made.secret.hint},
          {"keyId", made.secret.key_id},
          {"secretText", made.text},
          {"startDateTime", time_text(start)}}};
}

Result<Answer> remove_password(const Call& call, const Application& application) {
  const auto key = TRY(get_text(call.body, "keyId"));
  TRY(change_application(call, application, [&](Edit&, Application& changed) -> Result<> {
    const auto gone = std::erase_if(
        changed.secrets, [&](const identity::Secret& each) { return iequals(each.key_id, key); });
    if (gone > 0) return {};
    return fail(bad_request(fmt::format("No password credential found with keyId '{}'.", key)));
  }));
  return nothing();
}

Json federated_json(const FederatedCredential& each) {
  return JsonObject{{"id", each.id},
                    {"name", each.name},
                    {"issuer", each.issuer},
                    {"subject", each.subject},
                    {"description", text_or_null(each.description)},
                    {"audiences", array_of(each.audiences)}};
}

bool is_federated_name(std::string_view name) {
  return name.size() >= 3 && name.size() <= 120 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_';
         });
}

// What the body says over what was there.
Result<> read_federated(const Json& body, FederatedCredential& into) {
  const auto text = [&](const char* name, std::string& value) -> Result<> {
    if (auto given = TRY(find_text(body, name, federated_text_bytes_max))) {
      value = std::move(*given);
    }
    return {};
  };
  TRY(text("issuer", into.issuer));
  TRY(text("subject", into.subject));
  TRY(text("description", into.description));
  if (auto given = TRY(find_texts(body, "audiences", 1, federated_text_bytes_max))) {
    into.audiences = std::move(*given);
  }
  // Whether an issuer on this machine is asked for its keys is for the configuration to say.
  const bool near = into.issuer.starts_with("http://127.0.0.1:") ||
                    into.issuer.starts_with("http://localhost:") ||
                    into.issuer.starts_with("http://[::1]:");
  if (!(near || into.issuer.starts_with("https://")) || into.subject.empty() ||
      into.audiences.empty()) {
    return fail(
        bad_request("A federated credential needs an 'issuer' that is an https URL, a "
                    "'subject', and one of 'audiences', usually "
                    "api://AzureADTokenExchange."));
  }
  return {};
}

Result<> check_distinct(const Application& application, const FederatedCredential& wanted) {
  for (const auto& each : application.federated) {
    if (each.id == wanted.id) continue;
    if (iequals(each.name, wanted.name)) {
      return fail(Error{.kind = Kind::conflict,
                        .message = fmt::format("FederatedIdentityCredential with name {} already "
                                               "exists.",
                                               wanted.name),
                        .code = "Request_MultipleObjectsWithSameKeyValue"});
    }
    if (each.issuer == wanted.issuer && each.subject == wanted.subject) {
      return fail(
          bad_request("A federated credential with the same issuer and subject exists "
                      "already: their combination must be unique on an application."));
    }
  }
  return {};
}

Result<Answer> put_federated(const Call& call, const Application& application,
                             const FederatedCredential& wanted, bool is_new) {
  TRY(change_application(call, application, [&](Edit&, Application& changed) -> Result<> {
    TRY(check_distinct(changed, wanted));
    const auto present = std::ranges::find(changed.federated, wanted.id, &FederatedCredential::id);
    if (present != changed.federated.end()) {
      *present = wanted;
      return {};
    }
    if (!is_new) return fail(not_found(wanted.id));
    if (changed.federated.size() >= identity::credentials_max) {
      return fail(too_many("federated credentials of this application", identity::credentials_max));
    }
    changed.federated.push_back(wanted);
    return {};
  }));
  if (!is_new) return nothing();
  return entity(call, "federatedIdentityCredentials", federated_json(wanted), 201);
}

}  // namespace

Result<std::vector<Certificate>> read_certificates(const Call& call, const Json& body,
                                                   const std::vector<Certificate>& present) {
  if (!body.is_array()) return fail(bad_request("'keyCredentials' must be a list."));
  if (body.get_array().size() > identity::credentials_max) {
    return fail(too_many("certificates of this application", identity::credentials_max));
  }
  std::vector<Certificate> certificates;
  for (const Json& each : body.get_array()) {
    const auto key_id = TRY(find_text(each, "keyId"))
    .value_or("");
    if (const auto key = string_at(each, "key"); !key.empty()) {
      auto made = TRY(parse_certificate(key));
      for (const auto& [path, wanted] :
           {std::pair("type", "AsymmetricX509Cert"), std::pair("usage", "Verify")}) {
        const auto given = string_at(each, path);
        if (given.empty() || given == wanted) continue;
        return fail(
            bad_request(fmt::format("Invalid value specified for property '{}' of a key "
                                    "credential: this server knows '{}'.",
                                    path, wanted)));
      }
      made.key_id = call.model.random().uuid();
      made.name = TRY(find_text(each, "displayName"))
      .value_or("");
      // Within the certificate's own time.
      made.start = std::max(made.start, TRY(find_time(each, "startDateTime")).value_or(made.start));
      made.end = std::min(made.end, TRY(find_time(each, "endDateTime")).value_or(made.end));
      if (made.end <= call.model.clock().now()) {
        return fail(bad_request("Key credential end date is invalid: the certificate has ended."));
      }
      certificates.push_back(std::move(made));
      continue;
    }
    const auto kept = std::ranges::find_if(
        present, [&](const Certificate& one) { return iequals(one.key_id, key_id); });
    if (kept == present.end()) {
      return fail(
          bad_request("A key credential without 'key' must name one that is there by its "
                      "'keyId'."));
    }
    certificates.push_back(*kept);
  }
  return certificates;
}

Result<Answer> answer_credentials(const Call& call, const Application& application) {
  if (call.is("POST", 3) && iequals(call.path[2], "addPassword")) {
    return add_password(call, application);
  }
  if (call.is("POST", 3) && iequals(call.path[2], "removePassword")) {
    return remove_password(call, application);
  }
  return fail(no_such_path(call));
}

Result<Answer> answer_federated(const Call& call, const Application& application) {
  if (call.is("GET", 3)) {
    std::vector<Json> shown;
    for (const auto& each : application.federated) shown.push_back(federated_json(each));
    return page(call, "federatedIdentityCredentials", std::move(shown),
                federated_json(FederatedCredential{}));
  }
  if (call.is("POST", 3)) {
    auto name = TRY(get_text(call.body, "name"));
    FederatedCredential made{.id = call.model.random().uuid(), .name = std::move(name)};
    if (!is_federated_name(made.name)) {
      return fail(
          bad_request("The 'name' of a federated credential has 3 to 120 letters, digits, "
                      "'-' and '_'."));
    }
    TRY(read_federated(call.body, made));
    return put_federated(call, application, made, true);
  }
  if (call.path.size() != 4) return fail(no_such_path(call));
  const auto& id = call.path[3];
  const auto found =
      std::ranges::find_if(application.federated, [&](const FederatedCredential& each) {
        return iequals(each.id, id) || iequals(each.name, id);
      });
  if (found == application.federated.end()) return fail(not_found(id));
  if (call.method == "GET") {
    return entity(call, "federatedIdentityCredentials", federated_json(*found));
  }
  if (call.method == "PATCH") {
    auto wanted = *found;
    TRY(read_federated(call.body, wanted));
    return put_federated(call, application, wanted, false);
  }
  if (call.method != "DELETE") return fail(no_such_path(call));
  TRY(change_application(call, application, [&](Edit&, Application& changed) -> Result<> {
    std::erase_if(changed.federated,
                  [&](const FederatedCredential& each) { return each.id == found->id; });
    return {};
  }));
  return nothing();
}

}  // namespace pinaco::graph
