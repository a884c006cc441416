// For tests: requests to storage accounts, signed, and VHDs written as pages.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/text.h"
#include "blob/blob.h"
#include "format/format.h"
#include "http/http.h"

namespace pinaco::app {

// The keys of accounts by name, and what they sign.
class AccountKeys {
 public:
  void add(const std::string& account, const std::string& key) { keys_[account] = key; }

  // Signs a request to https://host/<account>/… when the account is known and the request is not
  // signed already. Everything else of it is there.
  void sign(http::Ask& ask, WallTime now) const {
    const auto path = ask.url.substr(ask.url.find('/', ask.url.find("//") + 2));
    const auto account = path.substr(1, path.find_first_of("/?", 1) - 1);
    const auto key = keys_.find(account);
    if (key == keys_.end() || path.contains("sig=")) return;
    ask.headers.add("x-ms-date", blob::to_http_date(now));
    ask.headers.add("x-ms-version", "2021-06-08");
    http::Request request{.method = ask.method, .target = path, .headers = ask.headers};
    request.headers.add("Content-Length", std::to_string(ask.body.size()));
    const auto text = blob::string_to_sign(request, account);
    ask.headers.add("Authorization",
                    fmt::format("SharedKey {}:{}", account, blob::sign(key->second, text)));
  }
  bool knows(const std::string& url, const std::string& base) const {
    return std::ranges::any_of(keys_, [&](const auto& each) {
      return url.starts_with(fmt::format("{}/{}/", base, each.first)) ||
             url.starts_with(fmt::format("{}/{}?", base, each.first));
    });
  }

  // The query of a shared access signature for "container" or "container/blob", for ten minutes.
  std::string sas(const std::string& account, const std::string& place,
                  const std::string& permissions, WallTime now) const {
    const auto slash = place.find('/');
    const auto name = slash == std::string::npos ? std::string() : place.substr(slash + 1);
    const blob::Query query{{"sv", "2021-06-08"},
                            {"sr", name.empty() ? "c" : "b"},
                            {"sp", permissions},
                            {"se", to_iso8601(now + std::chrono::minutes(10)).substr(0, 19) + "Z"}};
    const auto text = *blob::service_sas_text(query, account, place.substr(0, slash), name);
    std::string signed_query;
    for (const auto& [key, value] : query) signed_query += key + "=" + percent_encode(value) + "&";
    return signed_query + "sig=" + percent_encode(blob::sign(keys_.at(account), text));
  }

 private:
  std::map<std::string, std::string> keys_;
};

// A fixed VHD, random in the first half and zeros in the second.
inline Bytes make_vhd(std::size_t mib, std::uint64_t seed) {
  Bytes vhd(mib << 20, 0);
  seeded_random(seed)->fill(MutableBytes(vhd).first(vhd.size() / 2));
  const Bytes unique(16, 7);
  append(vhd, format::fixed_vhd_footer(vhd.size(), unique));
  return vhd;
}

// Its pages but for those of zeros, to a URL that takes "comp=page" at its end.
template <typename Sign>
void upload_pages(http::Client& client, const std::string& url, const Bytes& vhd, Sign sign) {
  constexpr std::size_t step = 4 << 20;
  for (std::size_t at = 0; at < vhd.size(); at += step) {
    const auto part = ByteView(vhd).subspan(at, std::min(step, vhd.size() - at));
    if (is_zero(part)) continue;
    http::Ask ask{.method = "PUT", .url = url + "comp=page", .body = part};
    ask.headers.add("x-ms-page-write", "update");
    ask.headers.add("x-ms-range", fmt::format("bytes={}-{}", at, at + part.size() - 1));
    sign(ask);
    const auto answer = client.send(ask);
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->status, 201) << answer->body;
  }
}

// A text as a page blob, with spaces up to the end of its last page. The answer to its last
// request.
template <typename Sign>
Result<http::Answer> put_text(http::Client& client, const std::string& url, std::string text,
                              Sign sign) {
  text.resize((text.size() + 511) / 512 * 512, ' ');
  http::Ask make{.method = "PUT", .url = url};
  make.headers.add("x-ms-blob-type", "PageBlob");
  make.headers.add("x-ms-blob-content-length", std::to_string(text.size()));
  sign(make);
  auto made = client.send(make);
  if (!made || made->status != 201) return made;
  http::Ask write{.method = "PUT", .url = url + "?comp=page", .body = as_bytes(text)};
  write.headers.add("x-ms-page-write", "update");
  write.headers.add("x-ms-range", fmt::format("bytes=0-{}", text.size() - 1));
  sign(write);
  return client.send(write);
}

}  // namespace pinaco::app
