// Certificates with OpenSSL 3: ECDSA P-256, SHA-256. Keys come from OpenSSL's own generator;
// names and serial numbers from Random, times from Clock.
//
// Order of writing: key, then certificate. A folder left in between by a crash is completed: a key
// without its certificate was never shown to anybody.
#include "app/certificates.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

using Days = std::chrono::days;
constexpr Days authority_days(3650);
constexpr Days server_days(824);  // with the day before: 825, the most that Apple's systems accept
constexpr Days renew_days(30);
constexpr Days skew_days(1);  // valid from yesterday, for clients whose clocks are behind
constexpr std::size_t file_bytes_max = 64 << 10;

struct Deleter {
  void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
  void operator()(X509* one) const { X509_free(one); }
  void operator()(X509_EXTENSION* one) const { X509_EXTENSION_free(one); }
  void operator()(BIO* one) const { BIO_free(one); }
  void operator()(BIGNUM* one) const { BN_free(one); }
  void operator()(GENERAL_NAMES* one) const { GENERAL_NAMES_free(one); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

struct Identity {
  Owned<X509> certificate;
  Owned<EVP_PKEY> key;
};

std::unexpected<Error> tls_failed(std::string_view doing) {
  char text[256] = "unknown";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(Kind::unavailable, fmt::format("{} failed: {}", doing, text));
}

// --- names -------------------------------------------------------------------------------------

std::optional<std::string> canonical_address(std::string_view name) {
  const std::string text(name);
  for (const int family : {AF_INET, AF_INET6}) {
    std::uint8_t bytes[16] = {};
    char printed[INET6_ADDRSTRLEN] = {};
    if (::inet_pton(family, text.c_str(), bytes) != 1) continue;
    ::inet_ntop(family, bytes, printed, sizeof printed);
    return printed;
  }
  return std::nullopt;
}

bool is_dns_name(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.empty() || name.size() > 253) return false;
  return std::ranges::all_of(split(name, '.'), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
           });
  });
}

// "DNS:a" and "IP:1.2.3.4", each once, sorted: as OpenSSL reads them and as two sets compare.
Result<std::set<std::string>> parse_names(const std::vector<std::string>& names) {
  std::set<std::string> found;
  for (const auto& name : names) {
    if (const auto address = canonical_address(name)) {
      found.insert("IP:" + *address);
    } else if (const auto lower = to_lower(name); is_dns_name(lower)) {
      found.insert("DNS:" + lower);
    } else {
      return fail(Kind::invalid, fmt::format("'{}' cannot be a name in the server's certificate; "
                                             "use a DNS name or an IP address without a port.",
                                             name));
    }
  }
  if (found.empty()) return fail(Kind::invalid, "The server's certificate needs a name.");
  if (found.size() > 100) return fail(Kind::invalid, "The server has more than 100 names.");
  return found;
}

std::set<std::string> names_of(X509* certificate) {
  std::set<std::string> found;
  const Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int at = 0; names && at < sk_GENERAL_NAME_num(names.get()); ++at) {
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), at), &type));
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const auto* bytes = ASN1_STRING_get0_data(value);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    if (type == GEN_DNS) {
      found.insert("DNS:" + std::string(as_text(ByteView(bytes, size))));
    } else {
      char printed[INET6_ADDRSTRLEN] = {};
      ::inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, printed, sizeof printed);
      found.insert(fmt::format("IP:{}", printed));
    }
  }
  return found;
}

// --- making ------------------------------------------------------------------------------------

Result<> add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  const Owned<X509_EXTENSION> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return tls_failed("Making a certificate");
  }
  return {};
}

std::time_t seconds_of(WallTime time) {
  return std::chrono::system_clock::to_time_t(std::chrono::floor<Seconds>(time));
}

struct Wish {
  std::string common_name;
  Days days = {};
  std::vector<std::pair<int, std::string>> extensions;
};

// A fresh key and a certificate for it, signed by `issuer` or, when null, by itself.
Result<Identity> make_identity(const Wish& wish, const Identity* issuer, Clock& clock,
                               Random& random) {
  ERR_clear_error();
  Identity made{.certificate = Owned<X509>(X509_new()),
                .key = Owned<EVP_PKEY>(EVP_EC_gen("P-256"))};
  if (!made.certificate || !made.key) return tls_failed("Making a key");
  X509* certificate = made.certificate.get();
  std::uint8_t serial_bytes[16];
  random.fill(serial_bytes);
  serial_bytes[0] = (serial_bytes[0] & 0x3f) | 0x40;  // positive, always 16 bytes
  const Owned<BIGNUM> serial(BN_bin2bn(serial_bytes, sizeof serial_bytes, nullptr));
  auto not_after = seconds_of(clock.now() + wish.days);
  X509_NAME* subject = X509_get_subject_name(certificate);
  const auto* name = reinterpret_cast<const unsigned char*>(wish.common_name.c_str());
  X509* signer = issuer == nullptr ? certificate : issuer->certificate.get();
  const bool filled =
      serial && X509_set_version(certificate, X509_VERSION_3) == 1 &&
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr &&
      X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, name, -1, -1, 0) == 1 &&
      X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(certificate), seconds_of(clock.now() - skew_days)) !=
          nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(certificate), not_after) != nullptr &&
      X509_set_pubkey(certificate, made.key.get()) == 1;
  if (!filled) return tls_failed("Making a certificate");
  // No certificate outlives its issuer.
  if (issuer != nullptr) {
    const ASN1_TIME* end = X509_get0_notAfter(issuer->certificate.get());
    if (ASN1_TIME_compare(end, X509_get0_notAfter(certificate)) < 0) {
      X509_set1_notAfter(certificate, end);
    }
  }
  for (const auto& [kind, value] : wish.extensions) {
    TRY(add_extension(certificate, signer, kind, value));
  }
  EVP_PKEY* signing_key = issuer == nullptr ? made.key.get() : issuer->key.get();
  if (X509_sign(certificate, signing_key, EVP_sha256()) == 0) {
    return tls_failed("Signing a certificate");
  }
  return made;
}

// --- files -------------------------------------------------------------------------------------

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<> write_identity(const Identity& identity, const std::string& certificate_file,
                        const std::string& key_file) {
  const Owned<BIO> key(BIO_new(BIO_s_mem()));
  const Owned<BIO> certificate(BIO_new(BIO_s_mem()));
  if (!key || !certificate ||
      PEM_write_bio_PKCS8PrivateKey(key.get(), identity.key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_X509(certificate.get(), identity.certificate.get()) != 1) {
    return tls_failed("Writing a certificate");
  }
  TRY(os::write_file_durably(key_file, as_bytes(text_of(key.get()))));
  TRY(os::write_file_durably(certificate_file, as_bytes(text_of(certificate.get()))));
  return {};
}

// At every start, since a crash may have come between a file and its mode.
Result<> make_readable(const std::string& path) {
  std::error_code error;
  std::filesystem::permissions(path, std::filesystem::perms(0644), error);
  if (error) return std::unexpected(system_error("making readable " + path, error.value()));
  return {};
}

// No passphrase is ever asked for on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Result<Owned<X509>> read_certificate(const std::string& path) {
  const auto text = TRY(os::read_file(path, file_bytes_max));
  const Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Owned<X509> found(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!found) return fail(Kind::corrupt, path + " holds no PEM certificate");
  return found;
}

Result<Owned<EVP_PKEY>> read_key(const std::string& path) {
  const auto text = TRY(os::read_file(path, file_bytes_max));
  const Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Owned<EVP_PKEY> found(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!found) return fail(Kind::corrupt, path + " holds no PEM key");
  return found;
}

Result<Identity> read_identity(const std::string& certificate_file, const std::string& key_file) {
  Identity found;
  found.certificate = TRY(read_certificate(certificate_file));
  found.key = TRY(read_key(key_file));
  const bool fits = X509_check_private_key(found.certificate.get(), found.key.get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return fail(Kind::corrupt, fmt::format("{} is not the key of {}", key_file, certificate_file));
  }
  return found;
}

// --- the two -----------------------------------------------------------------------------------

struct Files {
  std::string ca_certificate;
  std::string ca_key;
  std::string certificate;
  std::string key;
};

std::unexpected<Error> authority_damaged(const Error& why, const Files& files) {
  return fail(Kind::corrupt,
              fmt::format("The certificate authority of this installation cannot be used: {}. "
                          "Restore {} and {} from a backup; or remove both, so that a new "
                          "authority is made, and give its {} to every client.",
                          why.message, files.ca_certificate, files.ca_key,
                          std::filesystem::path(files.ca_certificate).filename().string()));
}

Result<> ensure_authority(const Files& files, Clock& clock, Random& random) {
  if (TRY(os::exists(files.ca_certificate))) {
    const auto certificate = read_certificate(files.ca_certificate);
    if (!certificate) return authority_damaged(certificate.error(), files);
    auto now = seconds_of(clock.now());
    if (X509_cmp_time(X509_get0_notAfter(certificate->get()), &now) < 0) {
      return authority_damaged({.message = files.ca_certificate + " has expired"}, files);
    }
    return {};
  }
  const Wish wish = {.common_name = "Pinaco CA " + random.hex(4),
                     .days = authority_days,
                     .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                    {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                    {NID_subject_key_identifier, "hash"}}};
  const auto made = TRY(make_identity(wish, nullptr, clock, random));
  TRY(write_identity(made, files.ca_certificate, files.ca_key));
  LOG(info, "app", "made the certificate authority '{}' in {}", wish.common_name,
      files.ca_certificate);
  return {};
}

// Why the server certificate cannot stay; "" when it can.
Result<std::string> renewal_reason(const Files& files, const std::set<std::string>& names,
                                   Clock& clock) {
  const auto found = read_identity(files.certificate, files.key);
  if (!found) {
    if (found.error().kind == Kind::not_found) return std::string("there is none");
    if (found.error().kind == Kind::corrupt) return found.error().message;
    return std::unexpected(found.error());
  }
  X509* certificate = found->certificate.get();
  const auto authority = TRY(read_certificate(files.ca_certificate));
  const bool ours = X509_verify(certificate, X509_get0_pubkey(authority.get())) == 1;
  ERR_clear_error();
  if (!ours) return std::string("it is not from the present authority");
  if (names_of(certificate) != names) return std::string("the names of the server changed");
  auto soon = seconds_of(clock.now() + renew_days);
  if (X509_cmp_time(X509_get0_notAfter(certificate), &soon) < 0) {
    return std::string("it ends in less than 30 days");
  }
  auto now = seconds_of(clock.now());
  if (X509_cmp_time(X509_get0_notBefore(certificate), &now) > 0) {
    return std::string("it is not valid yet");
  }
  return std::string();
}

Result<> ensure_server(const Files& files, const std::set<std::string>& names, Clock& clock,
                       Random& random) {
  const auto reason = TRY(renewal_reason(files, names, clock));
  if (reason.empty()) return {};
  const auto authority = read_identity(files.ca_certificate, files.ca_key);
  if (!authority) return authority_damaged(authority.error(), files);
  const std::vector<std::string> list(names.begin(), names.end());
  const Wish wish = {.common_name = "Pinaco server",
                     .days = server_days,
                     .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                    {NID_key_usage, "critical,digitalSignature"},
                                    {NID_ext_key_usage, "serverAuth"},
                                    {NID_subject_alt_name, join(list, ",")},
                                    {NID_subject_key_identifier, "hash"},
                                    {NID_authority_key_identifier, "keyid:always"}}};
  const auto made = TRY(make_identity(wish, &*authority, clock, random));
  TRY(write_identity(made, files.certificate, files.key));
  LOG(info, "app", "made a server certificate for {} ({})", join(list, " "), reason);
  return {};
}

}  // namespace

Result<CertificatePaths> ensure_certificates(const std::string& folder,
                                             const std::vector<std::string>& names, Clock& clock,
                                             Random& random) {
  const auto wanted = TRY(parse_names(names));
  const Files files = {.ca_certificate = folder + "/ca.pem",
                       .ca_key = folder + "/ca.key",
                       .certificate = folder + "/server.pem",
                       .key = folder + "/server.key"};
  TRY(os::make_folders(folder));
  TRY(ensure_authority(files, clock, random));
  TRY(ensure_server(files, wanted, clock, random));
  TRY(make_readable(files.ca_certificate));
  TRY(make_readable(files.certificate));
  return CertificatePaths{.ca_file = files.ca_certificate,
                          .certificate_file = files.certificate,
                          .key_file = files.key};
}

}  // namespace pinaco::app
