#include "identity/refresh.h"

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"

namespace pinaco::identity {
namespace {

constexpr std::chrono::days life{90};
constexpr Seconds repeat_within{30};
constexpr std::size_t family_bytes = 16;
constexpr std::size_t secret_bytes = 32;

// "<user>.<family>.<secret>", so that a token is found without a list of all.
struct Parts {
  std::string user;
  std::string family;
};

std::optional<Parts> parse(std::string_view token) {
  const auto parts = split(token, '.');
  if (parts.size() != 3 || !arm::is_guid(parts[0]) || parts[0] != to_lower(parts[0])) {
    return std::nullopt;
  }
  const auto family = from_base64url(parts[1]);
  const auto secret = from_base64url(parts[2]);
  if (!family || family->size() != family_bytes || !secret || secret->size() != secret_bytes) {
    return std::nullopt;
  }
  return Parts{std::string(parts[0]), std::string(parts[1])};
}

std::string fact_of(const Parts& parts) {
  return "refresh/" + parts.user + "/" + parts.family;
}

std::string chance(Random& random, std::size_t size) {
  Bytes bytes(size);
  random.fill(bytes);
  return to_base64url(bytes);
}

std::string make_token(const Parts& parts, Random& random) {
  return parts.user + "." + parts.family + "." + chance(random, secret_bytes);
}

std::string digest_of(std::string_view token) {
  return Digest::of(as_bytes(token)).hex();
}

WallTime time_at(const Json& row, std::string_view name) {
  return parse_iso8601(string_at(row, name)).value_or(WallTime{});
}

std::unexpected<Error> bad_token() {
  return fail(Kind::denied, "The refresh token is not valid any more.");
}

// Without those that expired, and with room for one more.
Result<> make_room(model::Change& change, const std::string& user) {
  std::vector<std::pair<WallTime, std::string>> rows;
  for (const auto& [name, row] : TRY(change.facts("refresh/" + user + "/"))) {
    const auto expires = time_at(row, "expires");
    if (change.now() >= expires) {
      TRY(change.erase_fact(name));
    } else {
      rows.emplace_back(expires, name);
    }
  }
  std::ranges::sort(rows);
  for (std::size_t i = 0; rows.size() - i >= refresh_families_max; i++) {
    TRY(change.erase_fact(rows[i].second));
  }
  return {};
}

}  // namespace

Result<std::string> RefreshTokens::begin(const RefreshGrant& grant) {
  const Parts parts = {to_lower(grant.user), chance(model_.random(), family_bytes)};
  const std::string token = make_token(parts, model_.random());
  TRY(model_.change("", [&](model::Change& change) -> Result<> {
    TRY(make_room(change, parts.user));
    return change.put_fact(fact_of(parts),
                           JsonObject{{"tenant", grant.tenant},
                                      {"client", grant.client},
                                      {"passwordKey", grant.password_key},
                                      {"digest", digest_of(token)},
                                      {"expires", to_iso8601(change.now() + life)}});
  }));
  return token;
}

Result<RefreshTokens::Used> RefreshTokens::use(std::string_view token, std::string_view client) {
  const auto parts = parse(token);
  if (!parts) return bad_token();
  const std::string next = make_token(*parts, model_.random());
  std::optional<Used> used;
  TRY(model_.change("", [&](model::Change& change) -> Result<> {
    used.reset();
    auto row = TRY(change.find_fact(fact_of(*parts)));
    // Another client's is not a copy that its owner lost: nothing happens to it.
    if (!row || !iequals(string_at(*row, "client"), client)) return {};
    if (change.now() >= time_at(*row, "expires")) return change.erase_fact(fact_of(*parts));
    Used found = {.grant = {.user = parts->user,
                            .tenant = std::string(string_at(*row, "tenant")),
                            .client = std::string(string_at(*row, "client")),
                            .password_key = std::string(string_at(*row, "passwordKey"))},
                  .next = {}};
    const auto digest = digest_of(token);
    if (constant_time_equal(string_at(*row, "digest"), digest)) {
      found.next = next;
      set_path(*row, "previous", digest);
      set_path(*row, "digest", digest_of(next));
      set_path(*row, "rotated", to_iso8601(change.now()));
      set_path(*row, "expires", to_iso8601(change.now() + life));
      TRY(change.put_fact(fact_of(*parts), *row));
    } else if (!constant_time_equal(string_at(*row, "previous"), digest) ||
               change.now() - time_at(*row, "rotated") > repeat_within) {
      return change.erase_fact(fact_of(*parts));
    }
    used = std::move(found);
    return {};
  }));
  if (!used) return bad_token();
  return *used;
}

Result<> RefreshTokens::revoke(std::string_view token) {
  const auto parts = parse(token);
  if (!parts) return {};
  return model_.change("", [&](model::Change& change) -> Result<> {
    if (!TRY(change.find_fact(fact_of(*parts)))) return {};
    return change.erase_fact(fact_of(*parts));
  });
}

}  // namespace pinaco::identity
