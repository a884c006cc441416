// Paths and queries, decoded once and strictly: what is routed is what is authorised.
#include "front/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "blob/blob.h"
#include "front/blob_words.h"

namespace pinaco::front {
namespace {

Error bad_request(std::string message) {
  return arm::error(Kind::invalid, "InvalidRequestUri", std::move(message));
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 260) return false;
  for (const char c : host) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && std::string_view("-._:[]").find(c) == std::string_view::npos) return false;
  }
  return true;
}

Result<provider::Query> parse_query(std::string_view text) {
  provider::Query query;
  if (text.empty()) return query;
  for (const auto pair : split(text, '&')) {
    if (pair.empty()) continue;
    const std::size_t equal = pair.find('=');
    const auto name = percent_decode(pair.substr(0, equal), true);
    const auto value = equal == std::string_view::npos
                           ? std::string()
                           : percent_decode(pair.substr(equal + 1), true);
    if (!name || !value) return fail(bad_request("The query has a broken percent escape."));
    if (!is_utf8(*name) || !is_utf8(*value)) return fail(bad_request("The query is not UTF-8."));
    if (!query.emplace(to_lower(*name), *value).second) {
      return fail(bad_request(fmt::format("The query parameter '{}' appears twice.", *name)));
    }
  }
  return query;
}

bool is_clean(std::string_view segment) {
  return std::ranges::none_of(segment, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '\\';
  });
}

// In the name of a blob a slash may come escaped: dir%2Fa.vhd is dir/a.vhd. Nowhere else, so that
// what is routed is what was said.
bool is_blob_name(const Target& target) {
  return target.segments.size() >= 2 && blob::is_account_name(target.segments[0]) &&
         !blob::is_reserved_name(target.segments[0]);
}

// One segment of a path, checked, goes into the target.
Result<> add_segment(Target& target, std::string_view segment) {
  if (!is_clean(segment)) {
    return fail(bad_request("The path has a character that is not allowed in a segment."));
  }
  if (segment.empty() || segment == "." || segment == "..") {
    return fail(bad_request("The path must not have '.', '..' or empty segments."));
  }
  target.path += fmt::format("/{}", segment);
  target.segments.emplace_back(segment);
  return {};
}

}  // namespace

Result<Target> parse_target(const http::Request& request, std::string_view scheme) {
  Target target;
  std::string_view text = request.target;
  const std::size_t mark = text.find('?');
  if (mark != std::string_view::npos) {
    target.query = TRY(parse_query(text.substr(mark + 1)));
    text = text.substr(0, mark);
  }
  for (const auto part : split(text, '/')) {
    if (part.empty()) continue;  // clients double slashes when their endpoint ends in one
    const auto segment = percent_decode(part);
    if (!segment) return fail(bad_request("The path has a broken percent escape."));
    if (!is_utf8(*segment)) return fail(bad_request("The path is not UTF-8."));
    if (is_blob_name(target)) {
      for (const auto piece : split(*segment, '/')) TRY(add_segment(target, piece));
    } else {
      TRY(add_segment(target, *segment));
    }
  }
  const auto host = request.headers.get("Host");
  if (!is_host(host)) return fail(bad_request("The Host header is not a host name."));
  target.base_url = fmt::format("{}://{}", scheme, host);
  return target;
}

bool matches(std::string_view pattern, const std::vector<std::string>& segments,
             std::map<std::string, std::string>& parts) {
  const auto words = split(pattern.substr(1), '/');
  if (words.size() != segments.size()) return false;
  for (std::size_t i = 0; i < words.size(); i++) {
    if (!words[i].starts_with('{') && !iequals(words[i], segments[i])) return false;
  }
  parts.clear();
  for (std::size_t i = 0; i < words.size(); i++) {
    if (words[i].starts_with('{')) {
      parts[std::string(words[i].substr(1, words[i].size() - 2))] = segments[i];
    }
  }
  return true;
}

http::Reply json_reply(int status, const Json& body) {
  http::Reply reply{.status = status};
  if (!body.is_null()) {
    reply.headers.add("Content-Type", "application/json; charset=utf-8");
    reply.body = to_text(body);
  }
  return reply;
}

http::Reply error_reply(const Error& reason) {
  Error error = reason;
  // Trouble of our own, with names of files and what the system said of them.
  if (error.code.empty() && (error.kind == Kind::busy || error.kind == Kind::unavailable ||
                             error.kind == Kind::corrupt)) {
    LOG(error, "front", "a request failed: {}", reason.message);
    error.message = told_error(reason).message;
  }
  auto reply = json_reply(arm::http_status(error), arm::envelope(error));
  if (reply.status == 503 || reply.status == 429) reply.headers.add("Retry-After", "1");
  return reply;
}

}  // namespace pinaco::front
