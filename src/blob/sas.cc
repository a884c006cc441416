// Who a request is from: an account's key, or a signature that a key made in advance (SAS), with
// its permissions, its times and its addresses.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "blob/blob.h"

namespace pinaco::blob {
namespace {

constexpr auto skew_max = std::chrono::minutes(15);
constexpr std::string_view oldest_version = "2015-04-05";
constexpr const char* key_names[] = {"key1", "key2"};

Error auth_failed(std::string_view why) {
  return arm::error(
      Kind::denied, "AuthenticationFailed",
      fmt::format("Server failed to authenticate the request. Make sure the value of "
                  "Authorization header is formed correctly including the signature. {}",
                  why));
}

std::string value_of(const Query& query, const char* name) {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

Result<std::string> version_of(const Query& query) {
  auto version = value_of(query, "sv");
  if (version.size() == 10 && version >= oldest_version) return version;
  return fail(auth_failed(
      fmt::format("sv='{}' is no version from {} on.", version.substr(0, 20), oldest_version)));
}

std::string key_of(const model::Resource& account, const char* name) {
  return std::string(string_at(account.internal, fmt::format("keys.{}.value", name)));
}

// The account's key that makes this signature of the text.
std::optional<std::string> signer(const model::Resource& account, std::string_view text,
                                  std::string_view signature) {
  for (const char* name : key_names) {
    auto key = key_of(account, name);
    const auto good = sign(key, text);
    if (!good.empty() && constant_time_equal(good, signature)) return key;
  }
  return std::nullopt;
}

Result<Rights> by_key(const Asked& asked, const model::Resource& account, WallTime now) {
  const std::string_view header = asked.request.headers.get("Authorization");
  if (!header.starts_with("SharedKey ")) {
    return fail(auth_failed(
        "This server takes SharedKey and shared access signatures, no other scheme yet."));
  }
  const auto colon = header.find(':');
  if (colon == std::string_view::npos || header.substr(10, colon - 10) != asked.account) {
    return fail(auth_failed("The account in the header is not the one in the path."));
  }
  auto date = asked.request.headers.get("x-ms-date");
  if (date.empty()) date = asked.request.headers.get("Date");
  const auto sent = parse_http_date(date);
  if (!sent) return fail(auth_failed("x-ms-date is missing, or no HTTP date."));
  if (*sent < now - skew_max || *sent > now + skew_max) {
    return fail(auth_failed("Request date header too old, or in the future: 15 minutes at most."));
  }
  const auto text = string_to_sign(asked.request, asked.account);
  auto key = signer(account, text, header.substr(colon + 1));
  if (!key) {
    return fail(
        auth_failed("The MAC signature found in the HTTP request is not the same as any "
                    "computed signature."));
  }
  return Rights{.everything = true, .key = std::move(*key)};
}

Result<> check_times(const Query& query, WallTime now) {
  const auto start = value_of(query, "st");
  if (!start.empty()) {
    const auto from = parse_iso8601(start);
    if (!from) return fail(auth_failed("st is no time."));
    if (*from > now + skew_max) return fail(auth_failed("Signature not valid yet."));
  }
  const auto until = parse_iso8601(value_of(query, "se"));
  if (!until) return fail(auth_failed("se is missing, or no time."));
  if (*until <= now) return fail(auth_failed("Signature expired."));
  return {};
}

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::uint32_t address = 0;
  for (const auto part : parts) {
    const auto number = parse_int(part, 0, 255);
    if (!number) return std::nullopt;
    address = address << 8 | static_cast<std::uint32_t>(*number);
  }
  return address;
}

// "10.0.0.1" or "10.0.0.1-10.0.0.9"
Result<> check_address(const Query& query, std::string_view peer) {
  const auto range = value_of(query, "sip");
  if (range.empty()) return {};
  const auto ends = split(range, '-');
  const auto first = parse_ipv4(ends.front());
  const auto last = parse_ipv4(ends.back());
  const auto from = parse_ipv4(peer.substr(0, peer.rfind(':')));
  if (ends.size() <= 2 && first && last && from && *from >= *first && *from <= *last) return {};
  return fail(arm::error(Kind::denied, "AuthorizationSourceIPMismatch",
                         "This request is not authorized to perform this operation using this "
                         "source IP: sip of the signature names others."));
}

Result<Rights> by_sas(const Asked& asked, const model::Resource& account, WallTime now) {
  const Query& query = asked.query;
  if (!value_of(query, "si").empty() || !value_of(query, "skoid").empty()) {
    return fail(
        auth_failed("Stored access policies (si) and signatures of user delegation keys "
                    "are not there on this server: sign with an account's key."));
  }
  const auto signature = value_of(query, "sig");
  Rights rights{.permissions = value_of(query, "sp")};
  std::optional<std::string> key;
  if (query.contains("ss")) {
    key = signer(account, TRY(account_sas_text(query, asked.account)), signature);
    rights.levels = value_of(query, "srt");
    if (key && !value_of(query, "ss").contains('b')) {
      return fail(arm::error(Kind::denied, "AuthorizationServiceMismatch",
                             "This signature is not for blobs (ss)."));
    }
  } else {
    const auto resource = value_of(query, "sr");
    if (resource != "b" && resource != "c") return fail(auth_failed("sr must be b or c."));
    const auto text = TRY(
        service_sas_text(query, asked.account, asked.container, resource == "b" ? asked.blob : ""));
    key = signer(account, text, signature);
    rights.levels = resource == "b" ? "o" : "ol";
  }
  if (!key) return fail(auth_failed("Signature did not match."));
  rights.key = std::move(*key);
  TRY(check_times(query, now));
  TRY(check_address(query, asked.request.peer));
  return rights;
}

}  // namespace

Result<std::string> account_sas_text(const Query& query, std::string_view account) {
  const auto version = TRY(version_of(query));
  std::string text = std::string(account) + "\n";
  for (const char* name : {"sp", "ss", "srt", "st", "se", "sip", "spr", "sv"}) {
    text += value_of(query, name) + "\n";
  }
  if (version >= "2020-12-06") text += value_of(query, "ses") + "\n";
  return text;
}

Result<std::string> service_sas_text(const Query& query, std::string_view account,
                                     std::string_view container, std::string_view blob) {
  const auto version = TRY(version_of(query));
  std::string resource = fmt::format("/blob/{}/{}", account, container);
  if (!blob.empty()) resource += fmt::format("/{}", blob);
  std::string text;
  for (const char* name : {"sp", "st", "se"}) text += value_of(query, name) + "\n";
  text += resource + "\n";
  for (const char* name : {"si", "sip", "spr", "sv"}) text += value_of(query, name) + "\n";
  if (version >= "2018-11-09") text += value_of(query, "sr") + "\n\n";  // and no snapshot
  if (version >= "2020-12-06") text += value_of(query, "ses") + "\n";
  for (const char* name : {"rscc", "rscd", "rsce", "rscl"}) text += value_of(query, name) + "\n";
  return text + value_of(query, "rsct");
}

Result<> Rights::check(Level level, std::string_view wanted) const {
  if (everything) return {};
  const std::string_view letters = level == Level::service     ? "s"
                                   : level == Level::container ? "c"
                                   : level == Level::listing   ? "cl"
                                                               : "o";
  if (levels.find_first_of(letters) == std::string::npos) {
    return fail(arm::error(Kind::denied, "AuthorizationResourceTypeMismatch",
                           "This request is not authorized to perform this operation using this "
                           "resource type: the signature is for others (srt or sr)."));
  }
  if (permissions.find_first_of(wanted) != std::string::npos) return {};
  return fail(arm::error(Kind::denied, "AuthorizationPermissionMismatch",
                         fmt::format("This request is not authorized to perform this operation "
                                     "using this permission: sp='{}' has none of '{}'.",
                                     permissions.substr(0, 40), wanted)));
}

namespace {

bool allows_keys(const model::Resource& account) {
  return bool_at(account.properties, "allowSharedKeyAccess", true);
}

}  // namespace

Result<Rights> authenticate(const Asked& asked, const model::Resource& account, WallTime now) {
  if (!allows_keys(account)) {
    return fail(arm::error(Kind::denied, "KeyBasedAuthenticationNotPermitted",
                           "Key based authentication is not permitted on this storage account "
                           "(allowSharedKeyAccess is false)."));
  }
  if (asked.query.contains("sig")) return by_sas(asked, account, now);
  if (!asked.request.headers.get("Authorization").empty()) return by_key(asked, account, now);
  return fail(arm::error(Kind::denied, "NoAuthenticationInformation",
                         "Server failed to authenticate the request. Sign it with a key of the "
                         "account, or with a shared access signature."));
}

bool has_key(const model::Resource& account, std::string_view key) {
  if (!allows_keys(account)) return false;
  return std::ranges::any_of(
      key_names, [&](const char* name) { return constant_time_equal(key_of(account, name), key); });
}

}  // namespace pinaco::blob
