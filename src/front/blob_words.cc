// Errors, ranges and headers of page blobs, after the cloud's blob REST texts.
#include "front/blob_words.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::front {
namespace {

int blob_status(const Error& error) {
  if (error.code == "AuthenticationFailed") return 403;
  if (error.code == "InvalidPageRange" || error.code == "InvalidRange") return 416;
  if (error.code == "UnsupportedHttpVerb") return 405;
  if (error.code == "UnauthorizedBlobOverwrite") return 409;
  if (error.code == "NoAuthenticationInformation") return 401;
  if (error.code == "ConditionNotMet") return 412;
  if (error.code == "LeaseNotPresentWithBlobOperation") return 412;
  return arm::http_status(error);
}

}  // namespace

Error blob_error(Kind kind, std::string code, std::string message) {
  return arm::error(kind, std::move(code), std::move(message));
}

bool is_xml_text(std::string_view text) {
  if (!is_utf8(text)) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
  }
  return !text.contains("\xEF\xBF\xBE") && !text.contains("\xEF\xBF\xBF");
}

Error told_error(const Error& error) {
  if (!error.code.empty()) return error;
  const bool passes = error.kind == Kind::busy || error.kind == Kind::unavailable;
  return Error{.kind = passes ? error.kind : Kind::corrupt,
               .message = passes ? "The server is busy, or its disk is full. Try again later."
                                 : "The server failed at this request; its log says why.",
               .code = passes ? "ServerBusy" : "InternalError"};
}

Error auth_failed(std::string why) {
  return blob_error(Kind::denied, "AuthenticationFailed",
                    "Server failed to authenticate the request. " + std::move(why));
}

http::Reply xml_error(const Error& error) {
  http::Reply reply{.status = blob_status(error)};
  const auto code = arm::error_code(error);
  const auto message = markup_escape(error.message);
  reply.headers.add("x-ms-error-code", code);
  reply.headers.add("Content-Type", "application/xml");
  if (reply.status == 503) reply.headers.add("Retry-After", "1");
  reply.body = fmt::format(
      "<?xml version=\"1.0\" "
      "encoding=\"utf-8\"?><Error><Code>{}</Code><Message>{}</Message></Error>",
      code, message);
  return reply;
}

std::string digest_text(const char* algorithm, ByteView bytes) {
  std::uint8_t out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), out, &size, EVP_get_digestbyname(algorithm),
                   nullptr) == 1);
  return to_base64(ByteView(out, size));
}

Result<std::optional<Range>> range_of(const http::Request& request, std::uint64_t size_bytes) {
  auto text = request.headers.get("x-ms-range");
  if (text.empty()) text = request.headers.get("Range");
  if (text.empty()) return std::nullopt;
  const auto bad = [&] {
    return blob_error(Kind::invalid, "InvalidRange",
                      fmt::format("The range '{}' is not valid for a blob of {} bytes.",
                                  text.substr(0, 100), size_bytes));
  };
  if (!istarts_with(text, "bytes=")) return fail(bad());
  const auto parts = split(text.substr(6), '-');
  if (parts.size() != 2) return fail(bad());
  const auto first = parse_int(parts[0], 0, INT64_MAX);
  if (!first || size_bytes == 0) return fail(bad());
  auto last = parts[1].empty()
                  ? std::optional<std::int64_t>(static_cast<std::int64_t>(size_bytes - 1))
                  : parse_int(parts[1], 0, INT64_MAX);
  if (!last || *last < *first || static_cast<std::uint64_t>(*first) >= size_bytes)
    return fail(bad());
  return Range{.first = static_cast<std::uint64_t>(*first),
               .last = std::min<std::uint64_t>(static_cast<std::uint64_t>(*last), size_bytes - 1)};
}

void add_blob_headers(const http::Request& request, http::Reply& reply) {
  const auto version = request.headers.get("x-ms-version");
  reply.headers.add("x-ms-version",
                    version.empty() ? "2021-06-08" : std::string(version.substr(0, 20)));
  reply.headers.add("Content-Security-Policy", "sandbox; default-src 'none'");
  reply.headers.add("X-Content-Type-Options", "nosniff");
  const auto client_id = request.headers.get("x-ms-client-request-id");
  if (!client_id.empty()) {
    reply.headers.add("x-ms-client-request-id", std::string(client_id.substr(0, 128)));
  }
}

void add_validators(http::Reply& reply, std::string_view grant) {
  reply.headers.add("ETag", fmt::format("\"{}\"", grant));
  reply.headers.add("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
  reply.headers.add("x-ms-blob-type", "PageBlob");
  reply.headers.add("x-ms-blob-sequence-number", "0");
}

}  // namespace pinaco::front
