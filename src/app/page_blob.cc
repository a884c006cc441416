// The three requests of the page-blob protocol that we need (x-ms-version 2021-06-08).
#include "app/page_blob.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/client.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

// Takes "<name>digits</name>" from the front of the text.
std::optional<std::uint64_t> take_number(std::string_view& xml, std::string_view name) {
  xml = xml.substr(std::min(xml.find_first_not_of(" \t\r\n"), xml.size()));
  const std::string before = fmt::format("<{}>", name);
  const std::string after = fmt::format("</{}>", name);
  if (!xml.starts_with(before)) return std::nullopt;
  xml.remove_prefix(before.size());
  const auto end = xml.find(after);
  if (end == std::string_view::npos) return std::nullopt;
  const auto number = parse_int(xml.substr(0, end), 0, INT64_MAX - 1);
  xml.remove_prefix(end + after.size());
  if (!number) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

void merge(std::vector<Extent>& ranges) {
  std::ranges::sort(ranges, {}, &Extent::offset);
  std::vector<Extent> merged;
  for (const auto& range : ranges) {
    if (!merged.empty() && merged.back().offset + merged.back().length >= range.offset) {
      auto& last = merged.back();
      last.length = std::max(last.offset + last.length, range.offset + range.length) - last.offset;
    } else {
      merged.push_back(range);
    }
  }
  ranges = std::move(merged);
}

}  // namespace

Result<std::vector<Extent>> parse_page_list(std::string_view xml) {
  constexpr std::string_view element = "<PageRange>";
  const auto bad = [] {
    return fail(Kind::unavailable, "The list of a disk's pages that the server sent is malformed.");
  };
  const bool empty = xml.find("<PageList/>") != std::string_view::npos ||
                     xml.find("<PageList />") != std::string_view::npos;
  if (!empty && xml.find("</PageList>") == std::string_view::npos) return bad();
  std::vector<Extent> ranges;
  for (auto at = xml.find(element); at != std::string_view::npos; at = xml.find(element)) {
    xml.remove_prefix(at + element.size());
    const auto first = take_number(xml, "Start");
    const auto last = take_number(xml, "End");
    if (!first || !last || *last < *first) return bad();
    ranges.push_back({.offset = *first, .length = *last - *first + 1});
  }
  merge(ranges);
  return ranges;
}

Result<http::Answer> PageBlob::send(http::Ask ask) const {
  ask.headers.add("x-ms-version", "2021-06-08");
  std::unique_ptr<http::Client> client;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      client = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (client == nullptr) client = http::make_client(options_);
  auto sent = send_patiently(*client, ask, patience_);
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(client));
  }
  if (!sent) return std::unexpected(std::move(sent.error()));
  if (sent->answer.status / 100 != 2) {
    Error error = error_of(sent->answer.status, sent->answer.body);
    if (error.kind == Kind::denied) {
      error.message +=
          " The link to the disk has expired or was taken back: run the command again.";
    }
    return std::unexpected(std::move(error));
  }
  return std::move(sent->answer);
}

Result<PageList> PageBlob::list_pages() const {
  const auto answer = TRY(send({.url = link_ + "&comp=pagelist"}));
  const auto size = parse_int(answer.headers.get("x-ms-blob-content-length"), 0, INT64_MAX);
  return PageList {
    .data = TRY(parse_page_list(answer.body))
    , .size_bytes = static_cast<std::uint64_t>(size.value_or(0))
  };
}

Result<> PageBlob::put(std::uint64_t offset, ByteView page) const {
  http::Ask ask{.method = "PUT", .url = link_ + "&comp=page", .body = page};
  ask.headers.add("x-ms-page-write", "update");
  ask.headers.add("x-ms-range", fmt::format("bytes={}-{}", offset, offset + page.size() - 1));
  ask.headers.add("Content-Type", "application/octet-stream");
  TRY(send(std::move(ask)));
  return {};
}

Result<> PageBlob::get(std::uint64_t offset, MutableBytes into) const {
  http::Ask ask{.url = link_};
  ask.headers.add("x-ms-range", fmt::format("bytes={}-{}", offset, offset + into.size() - 1));
  const auto answer = TRY(send(std::move(ask)));
  if (answer.body.size() != into.size()) {
    return fail(Kind::unavailable,
                fmt::format("The server sent {} bytes of the disk instead of {} at offset {}.",
                            answer.body.size(), into.size(), offset));
  }
  std::ranges::copy(as_bytes(answer.body), into.begin());
  return {};
}

}  // namespace pinaco::app
