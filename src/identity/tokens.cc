#include "identity/tokens.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "identity/jwt.h"

namespace pinaco::identity {
namespace {

std::unexpected<Error> invalid_token() {
  // Deliberately one text for all: what is wrong with a forged token is nobody's business.
  return fail(Error{.kind = Kind::denied,
                    .message = "The access token is invalid.",
                    .code = "InvalidAuthenticationToken"});
}

// "11/24/2026 3:06:12 PM"
std::string american_time(WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  const auto hour = clock.hours().count();
  return fmt::format("{}/{}/{} {}:{:02}:{:02} {}", static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), static_cast<int>(date.year()),
                     hour % 12 == 0 ? 12 : hour % 12, clock.minutes().count(),
                     clock.seconds().count(), hour < 12 ? "AM" : "PM");
}

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<Seconds>(time.time_since_epoch()).count();
}

// The key that the header names, if the header is one of ours. Anything more than our three
// members ("crit", "b64", "jku", "jwk", ...) asks for something that we do not do.
std::shared_ptr<const SigningKey> key_for(const KeyRing& keys, std::string_view part) {
  const auto header = decode_object(part);
  if (!header || header->size() != 3) return nullptr;
  const auto kid = text_claim(*header, "kid");
  if (text_claim(*header, "typ") != "JWT" || text_claim(*header, "alg") != "RS256" || !kid) {
    return nullptr;
  }
  return keys.find(*kid);
}

Result<Claims> read_claims(const JsonObject& object) {
  // Nobody acts for another here, so a token that says so was not made for us.
  for (const char* name : {"act", "actort", "may_act", "xms_obo"}) {
    if (object.contains(name)) return invalid_token();
  }
  const auto issuer = text_claim(object, "iss");
  const auto tid = text_claim(object, "tid");
  const auto audience = text_claim(object, "aud");
  const auto object_id = text_claim(object, "oid");
  const auto client_id = text_claim(object, "appid");
  const auto id = text_claim(object, "uti");
  const auto credential = text_claim(object, "pinaco_key");
  const bool user = text_claim(object, "idtyp") == "user";
  const auto issued = time_claim(object, "iat");
  const auto not_before = time_claim(object, "nbf");
  const auto expires = time_claim(object, "exp");
  if (!issuer || !tid || !audience || !object_id || !client_id || !id || !credential) {
    return invalid_token();
  }
  if (!issued || !not_before || !expires || *expires <= *issued) return invalid_token();
  if (*not_before != *issued || text_claim(object, "ver") != "1.0") return invalid_token();
  if (*issuer != issuer_of(*tid)) return invalid_token();
  return Claims{.tenant = *tid,
                .audience = *audience,
                .object_id = *object_id,
                .client_id = *client_id,
                .name = text_claim(object, user ? "unique_name" : "app_displayname").value_or(""),
                .id = *id,
                .credential = *credential,
                .is_user = user,
                .issued = *issued,
                .expires = *expires};
}

std::string sign(const SigningKey& key, const JsonObject& payload) {
  const JsonObject header = {{"typ", "JWT"}, {"alg", "RS256"}, {"kid", key.id()}};
  const std::string signed_part =
      to_base64url(as_bytes(to_text(header))) + "." + to_base64url(as_bytes(to_text(payload)));
  return signed_part + "." + to_base64url(as_bytes(key.sign(signed_part)));
}

}  // namespace

std::string issuer_of(std::string_view tenant) {
  return fmt::format("https://sts.windows.net/{}/", tenant);
}

std::string sign_token(const SigningKey& key, const Claims& claims) {
  const std::string issuer = issuer_of(claims.tenant);
  JsonObject payload = {
      {"aud", claims.audience},
      {"iss", issuer},
      {"iat", seconds_of(claims.issued)},
      {"nbf", seconds_of(claims.issued)},
      {"exp", seconds_of(claims.expires)},
      {"appid", claims.client_id},
      {"appidacr", claims.proof},
      {"idp", issuer},
      {"idtyp", claims.is_user ? "user" : "app"},
      {claims.is_user ? "unique_name" : "app_displayname", claims.name},
      {"pinaco_key", claims.credential},
      {"oid", claims.object_id},
      {"sub", claims.object_id},
      {"tid", claims.tenant},
      {"uti", claims.id},
      {"ver", "1.0"},
  };
  if (claims.is_user) {
    payload["scp"] = "user_impersonation";
    payload["upn"] = claims.name;
  }
  return sign(key, payload);
}

std::string sign_id_token(const SigningKey& key, const IdClaims& claims) {
  JsonObject payload = {
      {"aud", claims.client_id},
      {"iss", claims.issuer},
      {"iat", seconds_of(claims.issued)},
      {"nbf", seconds_of(claims.issued)},
      {"exp", seconds_of(claims.expires)},
      {"name", claims.name},
      {"oid", claims.object_id},
      {"preferred_username", claims.user_name},
      {"upn", claims.user_name},
      {"sub", claims.object_id},
      {"tid", claims.tenant},
      {"uti", claims.id},
      {"ver", "2.0"},
  };
  if (!claims.nonce.empty()) payload["nonce"] = claims.nonce;
  return sign(key, payload);
}

Result<> check_times(const Claims& claims, WallTime now) {
  if (now > claims.expires + clock_skew) {
    return fail(Error{
        .kind = Kind::denied,
        .message = fmt::format("The access token expiry UTC time '{}' is earlier than current UTC "
                               "time '{}'.",
                               american_time(claims.expires), american_time(now)),
        .code = "ExpiredAuthenticationToken"});
  }
  if (claims.issued > now + clock_skew) return invalid_token();
  return {};
}

Result<Claims> verify_token(const KeyRing& keys, WallTime now, std::string_view token) {
  if (token.size() > token_bytes_max) return invalid_token();
  const auto parts = split(token, '.');
  if (parts.size() != 3) return invalid_token();
  const auto key = key_for(keys, parts[0]);
  const auto signature = from_base64url(parts[2]);
  if (!key || !signature) return invalid_token();
  const std::string_view signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  if (!key->verify(signed_part, *signature)) return invalid_token();

  const auto object = decode_object(parts[1]);
  if (!object) return invalid_token();
  auto claims = TRY(read_claims(*object));
  TRY(check_times(claims, now));
  return claims;
}

}  // namespace pinaco::identity
