// Metadata, conditions and lists of containers and blobs, after the blob service's REST texts.
#include "front/storage_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::front {
namespace {

constexpr std::string_view metadata_prefix = "x-ms-meta-";

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (name.empty() || !letter(name.front())) return false;
  return std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

WallTime whole_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

// "*", or a list of quoted tags.
bool names_tag(std::string_view header, std::string_view etag) {
  for (const auto each : split(header, ',')) {
    auto tag = trim(each);
    if (tag == "*") return true;
    if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') {
      tag = tag.substr(1, tag.size() - 2);
    }
    if (tag == etag) return true;
  }
  return false;
}

Result<std::optional<WallTime>> date_of(const http::Request& request, const char* name) {
  const auto text = request.headers.get(name);
  if (text.empty()) return std::nullopt;
  const auto date = blob::parse_http_date(text);
  if (date) return date;
  return fail(
      blob_error(Kind::invalid, "InvalidHeaderValue",
                 fmt::format("{} is no date such as 'Fri, 26 Jun 2015 23:39:12 GMT'.", name)));
}

std::string metadata_xml(const Json& metadata) {
  std::string xml = "<Metadata>";
  for (const auto& each : metadata.get_object()) {
    const std::string name(each.key());
    xml += fmt::format(
        "<{}>{}</{}>", name,
        markup_escape(each.value().is_string() ? std::string_view(each.value().get_string())
                                               : std::string_view()),
        name);
  }
  return xml + "</Metadata>";
}

std::string head_xml(const Page& page) {
  std::string xml = fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"{}\"",
      markup_escape(page.service));
  if (!page.container.empty()) {
    xml += fmt::format(" ContainerName=\"{}\"", markup_escape(page.container));
  }
  xml += ">";
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) xml += fmt::format("<{}>{}</{}>", name, markup_escape(value), name);
  };
  add("Prefix", page.prefix);
  add("Marker", page.marker);
  add("MaxResults", std::to_string(page.rows_max));
  add("Delimiter", page.delimiter);
  return xml;
}

http::Reply list_reply(std::string xml, const std::string& next) {
  xml += fmt::format("<NextMarker>{}</NextMarker></EnumerationResults>", markup_escape(next));
  http::Reply reply{.body = std::move(xml)};
  reply.headers.add("Content-Type", "application/xml");
  return reply;
}

std::string blob_xml(const blob::Blob& row, bool with_metadata) {
  const auto content = [&](const char* name) {
    return markup_escape(string_at(row.content, name));
  };
  std::string xml = fmt::format(
      "<Blob><Name>{}</Name><Properties><Creation-Time>{}</Creation-Time><Last-Modified>{}"
      "</Last-Modified><Etag>{}</Etag><Content-Length>{}</Content-Length><Content-Type>{}"
      "</Content-Type>",
      markup_escape(row.name), blob::to_http_date(row.created), blob::to_http_date(row.modified),
      row.etag, row.size_bytes, content("Content-Type"));
  for (const char* name : {"Content-Encoding", "Content-Language", "Content-MD5", "Cache-Control",
                           "Content-Disposition"}) {
    xml += fmt::format("<{}>{}</{}>", name, content(name), name);
  }
  xml +=
      "<x-ms-blob-sequence-number>0</x-ms-blob-sequence-number><BlobType>PageBlob</BlobType>"
      "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
      "<ServerEncrypted>false</ServerEncrypted></Properties>";
  if (with_metadata) xml += metadata_xml(row.metadata);
  return xml + "</Blob>";
}

}  // namespace

Error container_not_found(std::string_view name) {
  return blob_error(Kind::not_found, "ContainerNotFound",
                    fmt::format("The specified container '{}' does not exist.", name));
}

Error blob_not_found(std::string_view name) {
  return blob_error(Kind::not_found, "BlobNotFound",
                    fmt::format("The specified blob '{}' does not exist.", name.substr(0, 300)));
}

Error unsupported(const http::Request& request, std::string_view comp) {
  return blob_error(Kind::invalid, "UnsupportedHttpVerb",
                    fmt::format("{} with comp='{}' is not available here: storage accounts of this "
                                "server have containers and page blobs, without leases, snapshots, "
                                "copies and blocks.",
                                request.method, comp.substr(0, 40)));
}

Result<Json> metadata_of(const http::Request& request) {
  JsonObject metadata;
  std::size_t bytes = 0;
  for (const auto& [name, value] : request.headers.all()) {
    if (!istarts_with(name, metadata_prefix)) continue;
    const auto key = name.substr(metadata_prefix.size());
    if (!is_identifier(key) || !is_xml_text(value)) {
      return fail(blob_error(Kind::invalid, "InvalidMetadata",
                             fmt::format("The metadata specified is invalid: '{}' is no name of "
                                         "letters, digits and '_', or its value no text.",
                                         key.substr(0, 60))));
    }
    bytes += key.size() + value.size();
    metadata[key] = value;
  }
  if (bytes > blob::metadata_bytes_max) {
    return fail(blob_error(Kind::invalid, "MetadataTooLarge",
                           fmt::format("The metadata has {} bytes; {} are the limit.", bytes,
                                       blob::metadata_bytes_max)));
  }
  return Json(std::move(metadata));
}

void show_metadata(const Json& metadata, http::Reply& reply) {
  for (const auto& each : metadata.get_object()) {
    reply.headers.add(std::string(metadata_prefix) + std::string(each.key()),
                      std::string(each.value().get_string()));
  }
}

Error not_met(const char* header) {
  return blob_error(Kind::conflict, "ConditionNotMet",
                    fmt::format("The condition specified using HTTP conditional header(s) is not "
                                "met ({}).",
                                header));
}

Result<> check_supported(const http::Request& request) {
  if (request.headers.has("x-ms-lease-id")) {
    return fail(blob_error(Kind::conflict, "LeaseNotPresentWithBlobOperation",
                           "There is currently no lease on the blob: this server has none. Leave "
                           "x-ms-lease-id out."));
  }
  for (const char* name : {"x-ms-if-sequence-number-le", "x-ms-if-sequence-number-lt",
                           "x-ms-if-sequence-number-eq", "x-ms-if-tags"}) {
    if (!request.headers.has(name)) continue;
    return fail(blob_error(Kind::invalid, "UnsupportedHeader",
                           fmt::format("{} is not available here: blobs have no tags, and their "
                                       "sequence numbers stay 0.",
                                       name)));
  }
  return {};
}

Result<> check_conditions(const http::Request& request, std::string_view etag, WallTime modified) {
  const auto match = request.headers.get("If-Match");
  if (!match.empty() && !names_tag(match, etag)) return fail(not_met("If-Match"));
  const auto none = request.headers.get("If-None-Match");
  if (!none.empty() && names_tag(none, etag)) return fail(not_met("If-None-Match"));
  const auto unmodified = TRY(date_of(request, "If-Unmodified-Since"));
  if (unmodified && whole_seconds(modified) > *unmodified) {
    return fail(not_met("If-Unmodified-Since"));
  }
  const auto since = TRY(date_of(request, "If-Modified-Since"));
  if (since && whole_seconds(modified) <= *since) return fail(not_met("If-Modified-Since"));
  return {};
}

bool has_conditions(const http::Request& request) {
  for (const char* name :
       {"If-Match", "If-None-Match", "If-Unmodified-Since", "If-Modified-Since"}) {
    if (request.headers.has(name)) return true;
  }
  return false;
}

bool is_not_modified(const http::Request& request, const Error& error) {
  return (request.method == "GET" || request.method == "HEAD") && error.code == "ConditionNotMet" &&
         (error.message.contains("If-None-Match") || error.message.contains("If-Modified-Since"));
}

void add_validators(http::Reply& reply, std::string_view etag, WallTime modified) {
  reply.headers.add("ETag", fmt::format("\"{}\"", etag));
  reply.headers.add("Last-Modified", blob::to_http_date(modified));
}

Result<Page> page_of(const http::Request&, const blob::Query& query, std::string service) {
  const auto value = [&](const char* name) {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  };
  Page page{.service = std::move(service)};
  page.prefix = value("prefix");
  page.marker = value("marker");
  page.delimiter = value("delimiter");
  page.with_metadata = value("include").contains("metadata");
  if (const auto text = value("maxresults"); !text.empty()) {
    const auto wanted = parse_int(text, 1, INT64_MAX);
    if (!wanted) {
      return fail(blob_error(
          Kind::invalid, "OutOfRangeQueryParameterValue",
          fmt::format("maxresults='{}' is not a number from 1 on.", text.substr(0, 40))));
    }
    page.rows_max = static_cast<std::size_t>(std::min<std::int64_t>(*wanted, 5000));
  }
  if (!is_xml_text(page.prefix) || !is_xml_text(page.marker) || !is_xml_text(page.delimiter)) {
    return fail(blob_error(Kind::invalid, "InvalidQueryParameterValue",
                           "prefix, marker or delimiter has a character that no name can have."));
  }
  if (page.prefix.size() > blob::name_bytes_max || page.marker.size() > blob::name_bytes_max ||
      page.delimiter.size() > 100) {
    return fail(blob_error(Kind::invalid, "OutOfRangeQueryParameterValue",
                           "prefix, marker or delimiter is too long."));
  }
  return page;
}

http::Reply containers_xml(const Page& page, const std::vector<blob::Container>& rows) {
  std::string xml = head_xml(page) + "<Containers>";
  std::string next;
  std::size_t count = 0;
  for (const auto& row : rows) {
    if (!row.name.starts_with(page.prefix)) continue;
    if (count++ == page.rows_max) {
      next = row.name;
      break;
    }
    xml += fmt::format(
        "<Container><Name>{}</Name><Properties><Last-Modified>{}</Last-Modified><Etag>{}</Etag>"
        "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        "<HasImmutabilityPolicy>false</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold>"
        "</Properties>{}</Container>",
        row.name, blob::to_http_date(row.modified), row.etag,
        page.with_metadata ? metadata_xml(row.metadata) : "");
  }
  return list_reply(xml + "</Containers>", next);
}

http::Reply blobs_xml(const Page& page, const std::vector<blob::Blob>& rows) {
  std::string xml = head_xml(page) + "<Blobs>";
  std::string next, folder;
  std::size_t count = 0;
  for (const auto& row : rows) {
    if (!row.name.starts_with(page.prefix)) continue;
    if (!folder.empty() && row.name.starts_with(folder)) continue;  // told already
    if (count++ == page.rows_max) {
      next = row.name;
      break;
    }
    const auto cut = page.delimiter.empty() ? std::string::npos
                                            : row.name.find(page.delimiter, page.prefix.size());
    if (cut == std::string::npos) {
      xml += blob_xml(row, page.with_metadata);
    } else {
      folder = row.name.substr(0, cut + page.delimiter.size());
      xml += fmt::format("<BlobPrefix><Name>{}</Name></BlobPrefix>", markup_escape(folder));
    }
  }
  return list_reply(xml + "</Blobs>", next);
}

}  // namespace pinaco::front
