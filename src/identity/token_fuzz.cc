// Throws bytes at everything a stranger can reach before he is known: tokens, forms, Basic
// credentials, scopes and login paths. The keys are made anew in each run, so a token that is
// accepted without having been signed here is a forgery.
#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "identity/form.h"
#include "identity/identity.h"
#include "identity/jwt.h"
#include "identity/login.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

struct World {
  World() {
    set_log_level(Level::error);
    std::string pattern = "/tmp/fuzz-token-XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    ring = KeyRing::open(pattern, clock).value();
    std::filesystem::remove_all(pattern);  // nothing runs at the end of a fuzzer
    directory = Directory::open(model, {}).value();
    login.emplace(model, *ring, *directory);
  }

  ManualClock clock;
  std::unique_ptr<kv::Kv> kv = kv::open_memory();
  model::Model model{*kv, clock, system_random()};
  std::unique_ptr<KeyRing> ring;
  std::unique_ptr<Directory> directory;
  std::optional<Login> login;
};

// Fields are taken twice by nobody, and what was read is what was meant.
void try_form(std::string_view text) {
  const auto form = parse_form(text);
  if (form) CHECK(form->size() <= form_fields_max);
  const auto audience = parse_audience(text);
  if (audience && !audience->empty()) CHECK(!audience->ends_with('/'));
  (void)parse_basic(text);
}

// Signed with our key, whatever it says: only whole claims may pass.
void try_signed(World& world, std::string_view header, std::string_view payload) {
  const auto key = world.ring->newest();
  std::string part = to_base64url(as_bytes(header)) + "." + to_base64url(as_bytes(payload));
  part += "." + to_base64url(as_bytes(key->sign(part)));
  const auto claims = verify_token(*world.ring, world.clock.now(), part);
  if (claims) CHECK(!claims->tenant.empty() && !claims->object_id.empty());
}

// A key and a token of an outside issuer; whoever chooses both may sign, so only crashes count.
void try_foreign(std::string_view jwk, std::string_view token) {
  const auto json = parse_json(jwk);
  const auto key =
      json && json->is_object() ? VerifyKey::from_jwk(json->get_object()) : std::nullopt;
  const auto jwt = parse_jwt(token);
  if (jwt) (void)lives_now(jwt->claims, WallTime(), clock_skew, Seconds(3600));
  if (key && jwt) (void)verify(*key, *jwt);
}

void try_one(World& world, std::uint8_t how, std::string_view text) {
  const auto half = text.substr(0, text.size() / 2);
  const auto rest = text.substr(half.size());
  const std::string good_header =
      R"({"typ":"JWT","alg":"RS256","kid":")" + world.ring->newest()->id() + "\"}";
  switch (how % 6) {
    case 0:
      CHECK(!verify_token(*world.ring, world.clock.now(), text));
      break;
    case 1:
      try_signed(world, good_header, text);
      break;
    case 2:
      try_signed(world, half, rest);
      break;
    case 3:
      try_form(text);
      break;
    case 4:
      try_foreign(half, rest);
      break;
    default: {
      http::Request request{.method = "POST", .target = std::string(half)};
      request.headers.add("Content-Type", "application/x-www-form-urlencoded");
      request.body = rest;
      const auto reply = world.login->answer(request, "https://localhost:18443");
      if (reply) CHECK(reply->body.find(R"("access_token":)") == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace pinaco::identity

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pinaco::identity::World world;
  if (size == 0) return 0;
  pinaco::identity::try_one(world, data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
