// For tests: what holds of every answer of the server, whatever was asked.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "base/text.h"
#include "http/http.h"

namespace pinaco::app {

inline void check_manners(const http::Answer& answer, const std::string& base,
                          const std::string& where) {
  // Clients take 0, and its absence, for half a minute.
  const auto again = answer.headers.get("Retry-After");
  EXPECT_TRUE(again.empty() || parse_int(again, 1, 60)) << where << "Retry-After " << again;
  const bool arm = !answer.headers.has("x-ms-version");  // else a blob's
  EXPECT_TRUE(!arm || answer.status != 202 || !again.empty()) << where << "no Retry-After";
  for (const char* name : {"Azure-AsyncOperation", "Location"}) {
    const auto url = answer.headers.get(name);
    EXPECT_TRUE(url.empty() || url.starts_with(base)) << where << name << ": " << url;
  }
  const auto json = parse_json(answer.body);
  const auto next = json ? string_at(*json, "nextLink") : "";
  EXPECT_TRUE(next.empty() || next.starts_with(base)) << where << "nextLink: " << next;
}

}  // namespace pinaco::app
