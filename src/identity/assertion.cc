#include "identity/assertion.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

constexpr Seconds life_max{24 * 3600};
constexpr std::size_t audiences_max = 8;

using Owned = std::unique_ptr<X509, decltype(&X509_free)>;

Owned read_certificate(std::string_view pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const auto no_password = [](char*, int, int, void*) { return -1; };
  return {PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr), X509_free};
}

std::string thumbprint(const X509* certificate, const EVP_MD* digest) {
  std::uint8_t bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(certificate, digest, bytes, &size) != 1) return {};
  return to_base64url({bytes, size});
}

// MSAL for Python pads what the standard does not.
std::string print_in(const Jwt& jwt, std::string_view name) {
  auto print = text_claim(jwt.header, name).value_or("");
  while (print.ends_with('=')) print.pop_back();
  return print;
}

// Both what the record says and what the certificate itself says.
bool is_current(const Certificate& record, const X509* certificate, WallTime now) {
  if (now >= record.end || now < record.start) return false;
  std::time_t seconds = std::chrono::floor<Seconds>(now).time_since_epoch().count();
  return X509_cmp_time(X509_get0_notBefore(certificate), &seconds) < 0 &&
         X509_cmp_time(X509_get0_notAfter(certificate), &seconds) > 0;
}

bool is_for(const Meant& meant, std::string_view audience) {
  // The host is compared as the client wrote it; the tenant may be under any of its names.
  if (!istarts_with(audience, meant.base_url)) return false;
  const auto rest = audience.substr(meant.base_url.size());
  for (const std::string& tenant : meant.tenants) {
    for (const std::string_view form : {"/oauth2/token", "/oauth2/v2.0/token", "/v2.0", "/", ""}) {
      if (iequals(rest, "/" + tenant + std::string(form))) return true;
    }
  }
  return false;
}

std::unexpected<Refusal> bad_time() {
  return refuse(401, "invalid_client", 700024,
                "Client assertion is not within its valid time range: it has expired, begins in "
                "the future or lives longer than 24 hours. Check the clock.");
}

std::unexpected<Refusal> no_match(int number, std::string_view what, std::string_view value) {
  return refuse(401, "invalid_client", number,
                fmt::format("No matching federated identity record found for presented assertion "
                            "{} '{}'. Check the federated credentials of the application.",
                            what, value.substr(0, 200)));
}

}  // namespace

Answer<std::string> Assertions::check(const Application& application, const Meant& meant,
                                      std::string_view assertion, std::string_view peer) {
  const auto jwt = parse_jwt(assertion);
  if (!jwt) {
    return refuse(401, "invalid_client", 50027,
                  "The client assertion is no signed JSON Web Token.");
  }
  const auto issuer = text_claim(jwt->claims, "iss").value_or("");
  const auto named = [&](const FederatedCredential& each) { return each.issuer == issuer; };
  if (std::ranges::any_of(application.federated, named)) {
    return check_federated(application, *jwt);
  }
  if (issuer.find("://") != std::string::npos) return no_match(700211, "issuer", issuer);
  return check_own(application, meant, *jwt, peer);
}

Answer<std::string> Assertions::check_own(const Application& application, const Meant& meant,
                                          const Jwt& jwt, std::string_view peer) {
  if (!iequals(text_claim(jwt.claims, "iss").value_or(""), application.app_id) ||
      !iequals(text_claim(jwt.claims, "sub").value_or(""), application.app_id)) {
    return refuse(401, "invalid_client", 700021,
                  "Client assertion application identifier doesn't match 'client_id' parameter: "
                  "'iss' and 'sub' must both be it.");
  }
  const auto short_print = print_in(jwt, "x5t");
  const auto long_print = print_in(jwt, "x5t#S256");
  const auto now = clock_.now();
  for (const Certificate& record : application.certificates) {
    if (short_print.empty() && long_print.empty()) break;
    const auto certificate = read_certificate(record.pem);
    if (certificate == nullptr) continue;
    // Every name that is given must be its own.
    if (!short_print.empty() && thumbprint(certificate.get(), EVP_sha1()) != short_print) continue;
    if (!long_print.empty() && thumbprint(certificate.get(), EVP_sha256()) != long_print) continue;
    const auto key = VerifyKey::from_certificate(certificate.get());
    if (!key || !verify(*key, jwt)) continue;
    if (!is_current(record, certificate.get(), now)) {
      return refuse(401, "invalid_client", 1000502,
                    "The provided certificate is not within its specified validity period.");
    }
    const auto audiences = texts_claim(jwt.claims, "aud", audiences_max);
    if (std::ranges::none_of(audiences, [&](const auto& each) { return is_for(meant, each); })) {
      return refuse(401, "invalid_client", 700023,
                    "Client assertion audience claim does not match: it must be the address of "
                    "this server's token endpoint for the tenant.");
    }
    if (!lives_now(jwt.claims, now, clock_skew, life_max)) return bad_time();
    const auto id = application.app_id + " " +
                    text_claim(jwt.claims, "jti").value_or(to_base64url(jwt.signature));
    if (!first_or_same(id, jwt, peer)) {
      return refuse(401, "invalid_client", 700025,
                    "Client assertion has been used before, by another computer or with other "
                    "claims. Sign a new one.");
    }
    return record.key_id;
  }
  return refuse(401, "invalid_client", 700027,
                fmt::format("Client assertion failed signature validation: it is not signed (RS256 "
                            "or PS256) with a certificate of application '{}' that its header "
                            "names by 'x5t' or 'x5t#S256'.",
                            application.app_id));
}

Answer<std::string> Assertions::check_federated(const Application& application, const Jwt& jwt) {
  const auto issuer = text_claim(jwt.claims, "iss").value_or("");
  const auto subject = text_claim(jwt.claims, "sub").value_or("");
  const auto audiences = texts_claim(jwt.claims, "aud", audiences_max);
  const FederatedCredential* match = nullptr;
  bool subject_known = false;
  for (const FederatedCredential& each : application.federated) {
    if (each.issuer != issuer || each.subject != subject || subject.empty()) continue;
    subject_known = true;
    std::vector<std::string> wanted = each.audiences;
    if (wanted.empty()) wanted.emplace_back(federated_audience);
    // One audience: a token that is also for others could be theirs.
    if (audiences.size() == 1 && std::ranges::find(wanted, audiences[0]) != wanted.end()) {
      match = &each;
    }
  }
  if (!subject_known) return no_match(700213, "subject", subject);
  if (match == nullptr) {
    return no_match(700212, "audience", audiences.empty() ? "" : audiences[0]);
  }
  if (!lives_now(jwt.claims, clock_.now(), clock_skew, life_max)) return bad_time();
  if (const auto good = issuers_.check_signature(issuer, jwt, application.tenant); !good) {
    if (good.error().kind == Kind::denied) {
      return refuse(401, "invalid_client", 50013,
                    "Assertion failed signature validation: it is not signed by a key that its "
                    "issuer publishes.");
    }
    LOG(warning, "identity", "{}", good.error().message);
    auto refused = refuse(503, "temporarily_unavailable", 90033,
                          "The issuer of the assertion cannot be asked for its keys now.");
    refused.error().retry_after = Seconds(30);
    return refused;
  }
  return match->id;
}

bool Assertions::first_or_same(const std::string& id, const Jwt& jwt, std::string_view peer) {
  const auto now = clock_.now();
  const auto digest = Digest::of(as_bytes(jwt.signed_part));
  const auto key = Digest::of(as_bytes(id)).hex();  // of one size, whatever a client calls it
  const std::lock_guard lock(mutex_);
  while (!order_.empty() &&
         (order_.size() >= seen_max_ || now > seen_.at(order_.front()).expires + clock_skew)) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  const auto [found, made] = seen_.try_emplace(
      key, Seen{std::string(peer), digest, date_claim(jwt.claims, "exp").value_or(now)});
  if (made) order_.push_back(key);
  return made || (found->second.peer == peer && found->second.assertion == digest);
}

std::size_t Assertions::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_.size();
}

}  // namespace pinaco::identity
