// What a request is aimed at: its path, cleaned once, and its query. Inside this room only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"
#include "provider/provider.h"

namespace pinaco::front {

struct Target {
  std::string path;  // "/a/b": decoded, no empty segments, no slash at the end
  std::vector<std::string> segments;
  provider::Query query;  // names in lower case, values decoded
  std::string base_url;   // "https://host:port" as the client wrote it
};

// Refused: broken escapes, control characters or slashes inside a segment, a Host that is none.
Result<Target> parse_target(const http::Request& request, std::string_view scheme);

// Whether segments fit "/a/{x}/b", and what stands for {x}. Words compare without case.
bool matches(std::string_view pattern, const std::vector<std::string>& segments,
             std::map<std::string, std::string>& parts);

http::Reply json_reply(int status, const Json& body);
http::Reply error_reply(const Error& error);

}  // namespace pinaco::front
