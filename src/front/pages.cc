// Pages: written, listed, read.
#include "front/pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::front {
namespace {

constexpr std::size_t stream_step = 1 << 20;
constexpr std::uint64_t list_step = 256 << 20;  // bounds what is held of a list at a time

}  // namespace

Result<PageWrite> page_write_of(const http::Request& request, std::uint64_t size_bytes) {
  const auto range = TRY(range_of(request, size_bytes));
  const auto how = request.headers.get("x-ms-page-write");
  if (!range || (!iequals(how, "update") && !iequals(how, "clear"))) {
    return fail(blob_error(Kind::invalid, "MissingRequiredHeader",
                           "Put Page needs x-ms-page-write (update or clear) and x-ms-range."));
  }
  PageWrite write{.offset = range->first,
                  .length = range->last - range->first + 1,
                  .clear = iequals(how, "clear")};
  if (write.offset % page_bytes != 0 || write.length % page_bytes != 0) {
    return fail(blob_error(Kind::invalid, "InvalidHeaderValue",
                           fmt::format("The range {}-{} is not whole pages of 512 bytes.",
                                       range->first, range->last)));
  }
  if (write.clear) return write;
  if (write.length > write_bytes_max || request.body.size() != write.length) {
    return fail(blob_error(Kind::invalid, "InvalidHeaderValue",
                           fmt::format("The body has {} bytes, the range {} (4 MiB at most).",
                                       request.body.size(), write.length)));
  }
  const auto md5 = request.headers.get("Content-MD5");
  if (!md5.empty() && md5 != digest_text("MD5", as_bytes(request.body))) {
    return fail(blob_error(Kind::invalid, "Md5Mismatch",
                           "The MD5 of the body is not the one in Content-MD5. Send it again."));
  }
  return write;
}

Result<http::Reply> page_list(std::optional<Range> asked, std::uint64_t size_bytes,
                              const ListExtents& list) {
  std::vector<Extent> data;
  const auto add = [&](const Extent& extent) {
    if (extent.zero || extent.length == 0) return;
    const std::uint64_t first = extent.offset / page_bytes * page_bytes;
    const std::uint64_t end = std::min(
        size_bytes, (extent.offset + extent.length + page_bytes - 1) / page_bytes * page_bytes);
    if (!data.empty() && data.back().offset + data.back().length >= first) {
      data.back().length = end - data.back().offset;
    } else {
      data.push_back({.offset = first, .length = end - first});
    }
  };
  std::uint64_t at = asked ? asked->first : 0;
  const std::uint64_t end = asked ? asked->last + 1 : size_bytes;
  while (at < end) {
    const auto length = std::min(list_step, end - at);
    for (const Extent& extent : TRY(list(at, length))) add(extent);
    at += length;
    if (data.size() > page_ranges_max) {
      return fail(blob_error(Kind::invalid, "OutOfRangeInput",
                             fmt::format("There are more than {} ranges of pages up to byte {}. "
                                         "Ask for a smaller x-ms-range.",
                                         page_ranges_max, at - 1)));
    }
  }
  std::string xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><PageList>";
  for (const Extent& extent : data) {
    xml += fmt::format("<PageRange><Start>{}</Start><End>{}</End></PageRange>", extent.offset,
                       extent.offset + extent.length - 1);
  }
  xml += "</PageList>";
  http::Reply reply{.body = std::move(xml)};
  reply.headers.add("x-ms-blob-content-length", std::to_string(size_bytes));
  reply.headers.add("Content-Type", "application/xml");
  return reply;
}

http::BodyStream stream_range(Range range, ReadBytes read, std::function<Result<bool>()> live) {
  http::BodyStream stream{.size_bytes = range.last - range.first + 1, .write = {}};
  stream.write = [range, read = std::move(read),
                  live = std::move(live)](const http::Sink& sink) -> Result<> {
    Bytes buffer(stream_step);
    std::uint64_t at = range.first;
    for (std::uint64_t steps = 0; at <= range.last; steps++) {
      if (steps % 16 == 15 && !TRY(live())) return fail(auth_failed("The link was revoked."));
      const auto part =
          static_cast<std::size_t>(std::min<std::uint64_t>(stream_step, range.last - at + 1));
      TRY(read(at, MutableBytes(buffer).first(part)));
      TRY(sink(ByteView(buffer).first(part)));
      at += part;
    }
    return {};
  };
  return stream;
}

}  // namespace pinaco::front
