// Signed requests of strangers: any target, any headers, any signature. Nothing of them opens an
// account whose keys they do not have.
#include "base/text.h"
#include "blob/blob.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaco;
  const auto lines = split(as_text(ByteView(data, size)), '\n');
  http::Request request{.method = "GET", .target = "/" + std::string(lines.front())};
  blob::Query query;
  for (std::size_t i = 1; i < lines.size() && i < 40; i++) {
    const auto colon = lines[i].find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name(lines[i].substr(0, colon));
    const std::string value(lines[i].substr(colon + 1));
    if (i % 2 == 0) {
      request.headers.add(name, value);
    } else {
      query[name] = value;
    }
  }
  model::Resource account;
  set_path(account.internal, "keys.key1.value", to_base64(Bytes(64, 1)));
  const blob::Asked asked{
      .request = request, .query = query, .account = "acct", .container = "c", .blob = "b"};
  const auto rights = blob::authenticate(asked, account, *parse_iso8601("2026-06-01"));
  CHECK(!rights);
  static_cast<void>(blob::parse_uri(lines.front(), "https://localhost"));
  return 0;
}
