#include "identity/trusted.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

constexpr Seconds life_max{24 * 3600};
constexpr std::size_t groups_max = 200;
constexpr std::size_t audiences_max = 20;
constexpr std::size_t subject_bytes_max = 512;

std::unexpected<Error> invalid(std::string why) {
  return fail(
      Error{.kind = Kind::denied, .message = std::move(why), .code = "InvalidAuthenticationToken"});
}

}  // namespace

std::string outside_object_id(std::string_view issuer, std::string_view subject) {
  const std::string joined = std::string(issuer) + '\0' + std::string(subject);
  auto digest = Digest::of(as_bytes(joined));
  digest.bytes[6] = static_cast<std::uint8_t>((digest.bytes[6] & 0x0f) | 0x80);  // RFC 9562
  digest.bytes[8] = static_cast<std::uint8_t>((digest.bytes[8] & 0x3f) | 0x80);
  const auto hex = digest.hex();
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

Result<> check_issuers(const std::vector<TrustedIssuer>& issuers) {
  for (const TrustedIssuer& each : issuers) {
    const auto bad = [&](std::string_view why) {
      return fail(Kind::invalid,
                  fmt::format("The trusted issuer '{}' cannot be used: {}", each.name, why));
    };
    if (each.name.empty() || each.name.find('/') != std::string::npos) {
      return bad("it needs a name without '/'.");
    }
    if (each.audience.empty()) return bad("it needs an audience.");
    if (each.subject_claim.empty()) return bad("it needs a claim that names the subject.");
    if (!each.tenant.empty() && !arm::is_guid(each.tenant)) return bad("its tenant is no GUID.");
    if (const auto good = check_issuer_url(each.issuer); !good) return bad(good.error().message);
    for (const TrustedIssuer& other : issuers) {
      if (&other != &each && (other.name == each.name || other.issuer == each.issuer)) {
        return bad("another one has the same name or address.");
      }
    }
  }
  return {};
}

Result<std::optional<Caller>> TrustedIssuers::find_caller(std::string_view token) const {
  if (trusted_.empty()) return std::nullopt;
  const auto jwt = parse_jwt(token);
  if (!jwt) return std::nullopt;
  const auto issuer = text_claim(jwt->claims, "iss");
  const auto trusted = std::ranges::find_if(
      trusted_, [&](const TrustedIssuer& each) { return each.issuer == issuer; });
  if (trusted == trusted_.end()) return std::nullopt;

  const auto& claims = jwt->claims;
  // The cheap checks first: a token for others is no reason to fetch keys.
  const auto audiences = texts_claim(claims, "aud", audiences_max);
  if (std::ranges::find(audiences, trusted->audience) == audiences.end()) {
    return invalid("The access token is for another audience.");
  }
  if (!lives_now(claims, model_.clock().now(), clock_skew, life_max)) {
    return fail(Error{.kind = Kind::denied,
                      .message = "The access token has expired, begins in the future or lives "
                                 "longer than 24 hours.",
                      .code = "ExpiredAuthenticationToken"});
  }
  const auto subject = text_claim(claims, trusted->subject_claim);
  if (!subject || subject->size() > subject_bytes_max) {
    return invalid("The access token does not say whose it is.");
  }
  if (const auto good = issuers_.check_signature(*issuer, *jwt); !good) {
    LOG(warning, "identity", "a token of {} was refused: {}", trusted->name, good.error().message);
    return invalid(good.error().kind == Kind::denied
                       ? "The access token is invalid."
                       : "The keys of the access token's issuer cannot be fetched now.");
  }
  const auto principal = TRY(principal_of(*trusted, claims, *subject));
  const auto everybody = TRY(directory_.roster());
  const auto client = text_claim(claims, "azp");
  return Caller{.tenant = principal.tenant,
                .object_id = principal.object_id,
                .client_id = client ? *client : text_claim(claims, "appid").value_or(trusted->name),
                .name = principal.name,
                .token_id = text_claim(claims, "jti").value_or(""),
                .is_user = principal.type == PrincipalType::user,
                .groups = groups_of(everybody, *trusted, principal.tenant, claims)};
}

Result<Principal> TrustedIssuers::principal_of(const TrustedIssuer& trusted,
                                               const JsonObject& claims,
                                               const std::string& subject) const {
  const std::string tenant = to_lower(tenant_of(trusted));
  const auto id = outside_object_id(trusted.issuer, subject);
  const auto everybody = TRY(directory_.roster());
  if (const auto* found = everybody->find_principal(id)) {
    if (!found->enabled || found->tenant != tenant) {
      return invalid("The access token's principal is disabled or of another tenant.");
    }
    return *found;
  }
  if (!trusted.auto_create) {
    return invalid(
        fmt::format("The access token's principal is not in the directory. Its object "
                    "id would be '{}'.",
                    id));
  }
  if (everybody->principals().size() >= principals_max) {
    return invalid("There are too many principals already.");
  }
  if (everybody->find_tenant(tenant) == nullptr) return invalid("The issuer's tenant is gone.");
  Principal made = {.object_id = id,
                    .tenant = tenant,
                    .type = PrincipalType::user,
                    .name = text_claim(claims, trusted.name_claim).value_or(subject),
                    // Nobody's choice: it must not take the name of another user.
                    .user_name = id + "@" + trusted.name};
  made.name = cut_text(made.name, name_bytes_max);
  TRY(directory_.edit([&](Edit& edit) -> Result<> {
    if (TRY(edit.find_principal(id))) return {};
    made.created = edit.change().now();
    return edit.put(made);
  }));
  LOG(info, "identity", "{} of {} is here for the first time: {}", made.name, trusted.name, id);
  return made;
}

std::vector<std::string> TrustedIssuers::groups_of(const std::shared_ptr<const Roster>& everybody,
                                                   const TrustedIssuer& trusted,
                                                   const std::string& tenant,
                                                   const JsonObject& claims) const {
  std::vector<std::string> ids;
  const auto names = texts_claim(claims, trusted.groups_claim, groups_max);
  if (trusted.groups_claim.empty() || names.empty()) return ids;
  const std::lock_guard lock(mutex_);
  if (named_of_ != everybody) {
    named_.clear();
    for (const auto& [id, each] : everybody->principals()) {
      // Only names that some issuer could mean.
      if (each.type == PrincipalType::group && each.name.find('/') != std::string::npos) {
        // Of several with one name the first that was made: whoever makes another gains nothing.
        const auto [bound, is_new] = named_.emplace(each.tenant + "/" + each.name, id);
        if (is_new) continue;
        const auto* before = everybody->find_principal(bound->second);
        if (each.created < before->created) bound->second = id;
      }
    }
    named_of_ = everybody;
  }
  for (const std::string& name : names) {
    const auto found = named_.find(tenant + "/" + trusted.name + "/" + name);
    if (found == named_.end()) continue;
    for (const std::string& id : everybody->memberships(found->second)) {
      if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace pinaco::identity
