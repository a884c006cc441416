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

constexpr std::size_t fetching_max = 4;
constexpr std::size_t fetching_of_tenant_max = 2;
constexpr std::size_t waiting_max = 4;

std::string host_of(std::string_view url) {
  std::string_view host = url.substr(url.find("://") + 3);
  host = host.substr(0, host.find('/'));
  const auto end = host.starts_with('[') ? host.find(']') : host.find(':');
  if (end == std::string_view::npos) return to_lower(host);
  if (host[end] == ':') return to_lower(host.substr(0, end));
  const auto rest = host.substr(end + 1);
  return rest.empty() || rest.starts_with(':') ? to_lower(host.substr(0, end + 1)) : "";
}

bool is_loopback(std::string_view url) {
  const auto host = host_of(url);
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
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

void Issuers::trust(const std::vector<std::string>& configured, std::vector<std::string> hosts) {
  hosts_ = std::move(hosts);
  for (auto& host : hosts_) host = to_lower(host);
  const std::lock_guard lock(mutex_);
  for (const std::string& url : configured) {
    issuers_[url] =
        std::make_shared<Issuer>(Issuer{.lane = std::make_shared<Lane>(), .configured = true});
  }
  configured_ = issuers_.size();
}

std::shared_ptr<Issuers::Issuer> Issuers::find_issuer(const std::string& url) {
  auto& found = issuers_[url];
  if (found == nullptr) found = std::make_shared<Issuer>(Issuer{.lane = common_});
  found->used = ++uses_;
  const auto result = found;
  if (issuers_.size() <= issuers_max + configured_) return result;
  // More than there can be names for in a directory of sense; whoever goes is fetched again.
  auto oldest = issuers_.end();
  for (auto each = issuers_.begin(); each != issuers_.end(); ++each) {
    if (each->second->configured || each->second->fetching) continue;
    if (oldest == issuers_.end() || each->second->used < oldest->second->used) oldest = each;
  }
  if (oldest != issuers_.end()) issuers_.erase(oldest);
  return result;
}

Result<std::string> Issuers::fetch_one(const std::string& url, bool configured,
                                       bool loopback) const {
  const bool allowed = configured || std::ranges::find(hosts_, host_of(url)) != hosts_.end();
  TRY(check_url(url, loopback && allowed));
  auto text = TRY(fetch_(url, allowed ? Reach::anywhere : Reach::public_only));
  if (text.size() > fetched_bytes_max) return fail(Kind::unavailable, "The document is too large.");
  return text;
}

Result<Issuers::Keys> Issuers::fetch_keys(const std::string& url, bool configured) const {
  TRY(check_url(url, true));
  std::string root = url;
  while (root.ends_with('/')) root.pop_back();
  const auto document =
      TRY(parse_json(TRY(fetch_one(root + "/.well-known/openid-configuration", configured, true))));
  if (string_at(document, "issuer") != url) {
    return fail(Kind::unavailable, "The document is of another issuer.");
  }
  const std::string keys_url(string_at(document, "jwks_uri"));
  // Only an issuer that is itself on this machine may name one that is.
  const bool loopback = url.starts_with("http://");
  TRY(check_url(keys_url, loopback));
  const auto set = TRY(parse_json(TRY(fetch_one(keys_url, configured, loopback))));
  const Json* list = find_path(set, "keys");
  if (list == nullptr || !list->is_array() || list->get_array().size() > issuer_keys_max) {
    return fail(Kind::unavailable, "The key set is no list of at most 100 keys.");
  }
  Keys keys;
  for (const Json& each : list->get_array()) {
    if (!each.is_object()) continue;
    auto key = VerifyKey::from_jwk(each.get_object());
    if (!key) continue;  // of a kind that we do not take
    keys.push_back({text_claim(each.get_object(), "kid").value_or(""), std::move(*key)});
  }
  if (keys.empty()) return fail(Kind::unavailable, "The key set has no RSA and no P-256 key.");
  return keys;
}

bool Issuers::is_fresh(const Issuer& issuer) const {
  return issuer.fetched && clock_.steady() - *issuer.fetched < fresh_for;
}

bool Issuers::is_good(const Issuer& issuer) const {
  return issuer.fetched && clock_.steady() - *issuer.fetched < good_for;
}

bool Issuers::refresh(std::unique_lock<std::mutex>& lock, const std::string& url, Issuer& issuer,
                      const std::string& kid, const std::string& tenant) {
  const auto has_kid = [&] {
    return std::ranges::any_of(*issuer.keys, [&](const Key& key) { return key.id == kid; });
  };
  while (!is_fresh(issuer) || !has_kid()) {
    const bool enough = is_good(issuer) && has_kid();
    if (!issuer.fetching) {
      if (issuer.tried && clock_.steady() - *issuer.tried < tries_apart) return true;
      return fetch_in_lane(lock, url, issuer, tenant) || enough;
    }
    if (enough) return true;  // somebody sees to it
    if (issuer.lane->waiting >= waiting_max) return false;
    ++issuer.lane->waiting;
    fetched_.wait(lock, [&] { return !issuer.fetching; });
    --issuer.lane->waiting;
  }
  return true;
}

bool Issuers::fetch_in_lane(std::unique_lock<std::mutex>& lock, const std::string& url,
                            Issuer& issuer, const std::string& tenant) {
  const auto lane = issuer.lane;
  if (!issuer.configured) {
    const auto present = lane->tenants.find(tenant);
    const auto of_tenant = present == lane->tenants.end() ? 0 : present->second;
    if (lane->fetching >= fetching_max || of_tenant >= fetching_of_tenant_max) return false;
  }
  ++lane->fetching;
  ++lane->tenants[tenant];
  issuer.tried = clock_.steady();
  issuer.fetching = true;
  lock.unlock();
  auto keys = fetch_keys(url, issuer.configured);
  if (!keys) {
    LOG(warning, "identity", "the keys of the issuer {} could not be fetched: {}", url,
        keys.error().message);
  }
  lock.lock();
  issuer.fetching = false;
  --lane->fetching;
  if (--lane->tenants[tenant] == 0) lane->tenants.erase(tenant);
  if (keys) {
    issuer.keys = std::make_shared<const Keys>(std::move(*keys));
    issuer.fetched = clock_.steady();
  } else {
    issuer.why = keys.error().message;
  }
  fetched_.notify_all();
  return true;
}

Result<> Issuers::check_signature(const std::string& issuer, const Jwt& jwt,
                                  const std::string& tenant) {
  const auto kid = text_claim(jwt.header, "kid").value_or("");
  std::shared_ptr<const Keys> keys;
  {
    std::unique_lock lock(mutex_);
    const auto known = find_issuer(issuer);
    if (!refresh(lock, issuer, *known, kid, tenant)) {
      return fail(Kind::unavailable,
                  fmt::format("The keys of the issuer '{}' are not fetched now: those of too many "
                              "others are. Try again.",
                              issuer));
    }
    if (!is_good(*known)) {
      return fail(
          Kind::unavailable,
          fmt::format("The keys of the issuer '{}' could not be fetched: {}", issuer, known->why));
    }
    keys = known->keys;
  }
  for (const Key& key : *keys) {
    if (key.id == kid && verify(key.key, jwt)) return {};
  }
  return not_signed();
}

}  // namespace pinaco::identity
