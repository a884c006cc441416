// What an account's key signs of a request, after the blob service's texts on shared keys, versions
// 2015-02-21 and later.
//
//   VERB \n Content-Encoding \n Content-Language \n Content-Length ("" for 0) \n Content-MD5 \n
//   Content-Type \n Date ("" beside x-ms-date) \n If-Modified-Since \n If-Match \n If-None-Match \n
//   If-Unmodified-Since \n Range \n
//   x-ms-…:value \n            each, in order of the names
//   /account/path as sent
//   \nname:value               each of the query, in order; several values of a name with commas
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "blob/blob.h"

namespace pinaco::blob {
namespace {

constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

}  // namespace

std::string new_key(Random& random) {
  std::array<std::uint8_t, 64> bytes{};
  random.fill(bytes);
  return to_base64(ByteView(bytes));
}

std::string sign(std::string_view key, std::string_view text) {
  const auto secret = from_base64(key);
  if (!secret || secret->empty()) return {};
  std::uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), secret->data(), static_cast<int>(secret->size()), as_bytes(text).data(),
             text.size(), mac, &size) != nullptr);
  return to_base64(ByteView(mac, size));
}

std::string string_to_sign(const http::Request& request, std::string_view account) {
  std::string text = request.method + "\n";
  for (const char* name :
       {"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type",
        "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"}) {
    auto value = request.headers.get(name);
    if (std::string_view(name) == "Content-Length" && value == "0") value = {};
    if (std::string_view(name) == "Date" && request.headers.has("x-ms-date")) value = {};
    text += value;
    text += '\n';
  }
  std::multimap<std::string, std::string_view> own;  // of one name in the order of the request
  for (const auto& [name, value] : request.headers.all()) {
    if (istarts_with(name, "x-ms-")) own.emplace(to_lower(name), trim(value));
  }
  for (const auto& [name, value] : own) text += fmt::format("{}:{}\n", name, value);

  const std::string_view target = request.target;
  const auto mark = target.find('?');
  text += fmt::format("/{}{}", account, target.substr(0, mark));
  if (mark == std::string_view::npos) return text;
  std::map<std::string, std::vector<std::string>> query;
  for (const auto pair : split(target.substr(mark + 1), '&')) {
    if (pair.empty()) continue;
    const auto equal = pair.find('=');
    const auto raw = equal == std::string_view::npos ? std::string_view() : pair.substr(equal + 1);
    const auto name = percent_decode(pair.substr(0, equal));
    const auto value = percent_decode(raw);
    query[to_lower(name.value_or(std::string(pair.substr(0, equal))))].push_back(
        value.value_or(std::string(raw)));
  }
  for (auto& [name, values] : query) {
    std::ranges::sort(values);
    text += fmt::format("\n{}:{}", name, pinaco::join(values, ","));
  }
  return text;
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return {};
  const auto month = std::ranges::find(months, text.substr(8, 3));
  const auto day = parse_int(text.substr(5, 2), 1, 31);
  const auto year = parse_int(text.substr(12, 4), 1970, 9999);
  const auto hour = parse_int(text.substr(17, 2), 0, 23);
  const auto minute = parse_int(text.substr(20, 2), 0, 59);
  const auto second = parse_int(text.substr(23, 2), 0, 60);
  if (month == std::end(months) || !day || !year || !hour || !minute || !second) return {};
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(*year)),
      std::chrono::month(static_cast<unsigned>(month - std::begin(months) + 1)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return {};
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

std::string to_http_date(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time - day).count();
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[std::chrono::weekday(day).c_encoding()],
      static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace pinaco::blob
