// What identity costs: a login, a token seen for the first time, a token seen before, a forged
// one. One thread.
//
//   bench_identity [SECONDS_EACH]
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "identity/identity.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

template <typename Call>
void measure(std::string_view what, Seconds time, Call call) {
  const auto start = system_clock().steady();
  std::uint64_t count = 0;
  std::chrono::duration<double> passed = {};
  while (passed < time) {
    call();
    ++count;
    passed = system_clock().steady() - start;
  }
  fmt::print("{:<44} {:>10.1f} us   {:>10.0f} a second\n", what,
             passed.count() * 1e6 / static_cast<double>(count),
             static_cast<double>(count) / passed.count());
}

http::Request with_token(const std::string& token) {
  http::Request request;
  request.headers.add("Authorization", "Bearer " + token);
  return request;
}

void run(const std::string& folder, Seconds time) {
  set_log_level(Level::error);
  const auto kv = kv::open_memory();
  model::Model model(*kv, system_clock(), system_random());
  const auto identity = Identity::open(model, folder).value();
  const auto ring = KeyRing::open(folder, system_clock()).value();
  const auto first = *identity->directory().first_credentials();

  http::Request login{.method = "POST", .target = "/adfs/oauth2/token"};
  login.headers.add("Content-Type", "application/x-www-form-urlencoded");
  login.body = "grant_type=client_credentials&scope=https://localhost/.default&client_id=" +
               first.client_id + "&client_secret=" + first.client_secret;
  std::string token;
  measure("a login (scrypt and a signature)", time, [&] {
    const auto reply = identity->answer(login, "https://localhost");
    token = string_at(*parse_json(reply->body), "access_token");
  });
  measure("a token verified for the first time", time,
          [&] { CHECK(verify_token(*ring, system_clock().now(), token).has_value()); });
  const auto good = with_token(token);
  measure("a request with a token seen before", time,
          [&] { CHECK(identity->authenticate(good).has_value()); });
  auto forged_token = token;
  forged_token[forged_token.size() - 10] =
      forged_token[forged_token.size() - 10] == 'A' ? 'B' : 'A';
  const auto forged = with_token(forged_token);
  measure("a request with a forged token", time,
          [&] { CHECK(!identity->authenticate(forged).has_value()); });
}

}  // namespace
}  // namespace pinaco::identity

int main(int count, char** arguments) {
  const auto seconds = count > 1 ? pinaco::parse_int(arguments[1], 1, 60) : 2;
  std::string folder = (std::filesystem::temp_directory_path() / "bench-identity-XXXXXX").string();
  if (!seconds || mkdtemp(folder.data()) == nullptr) return 2;
  pinaco::identity::run(folder, pinaco::Seconds(*seconds));
  std::filesystem::remove_all(folder);
  return 0;
}
