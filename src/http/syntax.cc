// The character classes of HTTP/1.1.
#include "http/syntax.h"

#include <algorithm>

#include "base/text.h"

namespace pinaco::http {
namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_token_char(char c) {
  return is_alphanumeric(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const auto address = text.substr(1, end - 1);
    if (!std::ranges::all_of(address,
                             [](char c) { return is_alphanumeric(c) || c == ':' || c == '.'; })) {
      return false;
    }
    text.remove_prefix(end + 1);
    if (text.empty()) return true;
  } else {
    const auto name = text.substr(0, text.find(':'));
    if (name.empty() || !std::ranges::all_of(name, [](char c) {
          return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '%';
        })) {
      return false;
    }
    text.remove_prefix(name.size());
    if (text.empty()) return true;
  }
  return text.starts_with(':') && parse_int(text.substr(1), 0, 65535).has_value();
}

std::optional<std::string> origin_form(std::string_view target, std::string_view host) {
  // Visible ASCII only; a fragment is never sent.
  if (!std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; })) {
    return std::nullopt;
  }
  if (target.starts_with('/')) return std::string(target);
  if (istarts_with(target, "http://")) {
    target.remove_prefix(7);
  } else if (istarts_with(target, "https://")) {
    target.remove_prefix(8);
  } else {
    return std::nullopt;
  }
  const auto end = std::min(target.find_first_of("/?"), target.size());
  if (!iequals(target.substr(0, end), host)) return std::nullopt;
  target.remove_prefix(end);
  return target.starts_with('/') ? std::string(target) : "/" + std::string(target);
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

}  // namespace pinaco::http
