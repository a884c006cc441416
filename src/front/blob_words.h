// The words of the blob interface: its errors as XML, ranges and headers. Inside this room only.
#pragma once

#include <optional>
#include <string>

#include "arm/arm.h"
#include "http/http.h"

namespace pinaco::front {

inline constexpr std::uint64_t page_bytes = 512;
inline constexpr std::uint64_t write_bytes_max = 4 << 20;

Error blob_error(Kind kind, std::string code, std::string message);
Error auth_failed(std::string why);
http::Reply xml_error(const Error& error);
// As it is told to a client: what has no code is of our own files and their places, for the log.
Error told_error(const Error& error);
// UTF-8 without the characters that no XML can have.
bool is_xml_text(std::string_view text);
std::string digest_text(const char* algorithm, ByteView bytes);  // base64

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// "bytes=a-b" or "bytes=a-" within a blob; nullopt when the request names none.
Result<std::optional<Range>> range_of(const http::Request& request, std::uint64_t size_bytes);

// Also that a browser runs nothing that is in a blob: it would on the origin of the sign-in.
void add_blob_headers(const http::Request& request, http::Reply& reply);
void add_validators(http::Reply& reply, std::string_view grant);

}  // namespace pinaco::front
