#include "identity/issuers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace pinaco::identity {
namespace {

constexpr auto fresh_for = std::chrono::hours(1);
constexpr auto good_for = std::chrono::hours(24);
constexpr auto tries_apart = Seconds(30);
constexpr std::size_t url_bytes_max = 1024;

bool is_loopback(std::string_view url) {
  std::string_view host = url.substr(url.find("://") + 3);
  host = host.substr(0, host.find('/'));
  if (host.starts_with("[::1]")) return host.size() == 5 || host[5] == ':';
  host = host.substr(0, host.find(':'));
  return host == "localhost" || host == "127.0.0.1";
}

Result<> check_url(std::string_view url, bool loopback) {
  const bool plain = url.starts_with("http://");
  bool good = url.size() <= url_bytes_max && (plain || url.starts_with("https://"));
  for (const char c : url) good = good && c > ' ' && c < 0x7f;
  good = good && url.find_first_of("?#@\\\"<>") == std::string_view::npos;
  if (good && plain) good = loopback && is_loopback(url);
  if (good) return {};
  return fail(Kind::denied,
              fmt::format("The address '{}' is not fit for an issuer: https, without user, query "
                          "and fragment is.",
                          url.substr(0, 200)));
}

std::unexpected<Error> not_signed() {
  return fail(Kind::denied, "The token is not signed by a key of its issuer.");
}

}  // namespace

Result<> check_issuer_url(std::string_view url) {
  return check_url(url, true);
}

std::shared_ptr<Issuers::Issuer> Issuers::find_issuer(const std::string& url) {
  const std::lock_guard lock(mutex_);
  auto& found = issuers_[url];
  if (found == nullptr) {
    found = std::make_shared<Issuer>();
    // More than there can be names for in a directory of sense; whoever goes is fetched again.
    if (issuers_.size() > issuers_max) {
      issuers_.erase(issuers_.begin()->first == url ? std::next(issuers_.begin())
                                                    : issuers_.begin());
    }
  }
  return issuers_.at(url);
}

Result<std::vector<Issuers::Key>> Issuers::fetch_keys(const std::string& url) const {
  TRY(check_url(url, true));
  std::string root = url;
  while (root.ends_with('/')) root.pop_back();
  const auto text = TRY(fetch_(root + "/.well-known/openid-configuration"));
  if (text.size() > fetched_bytes_max) return fail(Kind::unavailable, "The document is too large.");
  const auto document = TRY(parse_json(text));
  if (string_at(document, "issuer") != url) {
    return fail(Kind::unavailable, "The document is of another issuer.");
  }
  const std::string keys_url(string_at(document, "jwks_uri"));
  // Only an issuer that is itself on this machine may name one that is.
  TRY(check_url(keys_url, url.starts_with("http://")));
  const auto keys_text = TRY(fetch_(keys_url));
  if (keys_text.size() > fetched_bytes_max) {
    return fail(Kind::unavailable, "The key set is too large.");
  }
  const auto set = TRY(parse_json(keys_text));
  const Json* list = find_path(set, "keys");
  if (list == nullptr || !list->is_array() || list->get_array().size() > issuer_keys_max) {
    return fail(Kind::unavailable, "The key set is no list of at most 100 keys.");
  }
  std::vector<Key> keys;
  for (const Json& each : list->get_array()) {
    if (!each.is_object()) continue;
    auto key = VerifyKey::from_jwk(each.get_object());
    if (!key) continue;  // of a kind that we do not take
    keys.push_back({text_claim(each.get_object(), "kid").value_or(""), std::move(*key)});
  }
  if (keys.empty()) return fail(Kind::unavailable, "The key set has no RSA and no P-256 key.");
  return keys;
}

Result<> Issuers::check_signature(const std::string& issuer, const Jwt& jwt) {
  const auto known = find_issuer(issuer);
  const std::lock_guard lock(known->mutex);
  const auto now = clock_.steady();
  const auto kid = text_claim(jwt.header, "kid").value_or("");
  const auto has_kid = [&] {
    return std::ranges::any_of(known->keys, [&](const Key& key) { return key.id == kid; });
  };
  const bool fresh = known->fetched && now - *known->fetched < fresh_for;
  if ((!fresh || !has_kid()) && (!known->tried || now - *known->tried >= tries_apart)) {
    known->tried = now;
    auto keys = fetch_keys(issuer);
    if (keys) {
      known->keys = std::move(*keys);
      known->fetched = now;
    } else {
      known->why = keys.error().message;
      LOG(warning, "identity", "the keys of the issuer {} could not be fetched: {}", issuer,
          known->why);
    }
  }
  if (!known->fetched || now - *known->fetched >= good_for) {
    known->keys.clear();
    return fail(
        Kind::unavailable,
        fmt::format("The keys of the issuer '{}' could not be fetched: {}", issuer, known->why));
  }
  for (const Key& key : known->keys) {
    if (key.id == kid && verify(key.key, jwt)) return {};
  }
  return not_signed();
}

}  // namespace pinaco::identity
