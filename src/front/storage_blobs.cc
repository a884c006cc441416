// Page blobs of storage accounts: made, written, read, listed by pages, described and deleted.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "front/pages.h"
#include "front/storage.h"
#include "front/storage_words.h"

namespace pinaco::front {
namespace {

using blob::Level;

// What a blob says of its content, and the request's header that sets it.
constexpr std::pair<const char*, const char*> content_headers[] = {
    {"Content-Type", "x-ms-blob-content-type"},
    {"Content-Encoding", "x-ms-blob-content-encoding"},
    {"Content-Language", "x-ms-blob-content-language"},
    {"Content-MD5", "x-ms-blob-content-md5"},
    {"Content-Disposition", "x-ms-blob-content-disposition"},
    {"Cache-Control", "x-ms-blob-cache-control"},
};

Result<Json> content_of(const http::Request& request) {
  JsonObject content;
  for (const auto& [name, header] : content_headers) {
    const auto value = request.headers.get(header);
    if (value.empty()) continue;
    if (value.size() > 1024 || !is_xml_text(value)) {
      return fail(blob_error(Kind::invalid, "InvalidHeaderValue",
                             fmt::format("{} has more than 1,024 bytes, or is not text.", header)));
    }
    content[name] = value;
  }
  if (!content.contains("Content-Type")) content["Content-Type"] = "application/octet-stream";
  return Json(std::move(content));
}

// A blob where the request says, with its container; the errors say which of both is missing.
struct Found {
  blob::Container container;
  std::optional<blob::Blob> row;
};
Result<Found> find(const model::View& view, std::string_view account, const std::string& container,
                   const std::string& name) {
  auto row = TRY(blob::find_container(view, account, container));
  if (!row) return fail(container_not_found(container));
  auto blob = TRY(blob::find_blob(view, row->id, name));
  return Found{.container = std::move(*row), .row = std::move(blob)};
}

void touch(model::Change& change, blob::Blob& row) {
  row.etag = blob::new_etag(change.random());
  row.modified = change.now();
}

void describe(const blob::Blob& row, http::Reply& reply) {
  add_validators(reply, row.etag, row.modified);
  reply.headers.add("x-ms-blob-type", "PageBlob");
  reply.headers.add("x-ms-blob-sequence-number", "0");
}

http::Reply written(const blob::Blob& row, int status) {
  http::Reply reply{.status = status};
  describe(row, reply);
  reply.headers.add("x-ms-request-server-encrypted", "false");
  return reply;
}

Result<std::uint64_t> size_of(const http::Request& request) {
  const auto text = request.headers.get("x-ms-blob-content-length");
  if (text.empty()) {
    return fail(blob_error(Kind::invalid, "MissingRequiredHeader",
                           "Put Blob of a page blob needs x-ms-blob-content-length."));
  }
  const auto size = parse_int(text, 0, static_cast<std::int64_t>(blob::size_bytes_max));
  if (size && *size % static_cast<std::int64_t>(page_bytes) == 0) {
    return static_cast<std::uint64_t>(*size);
  }
  return fail(blob_error(Kind::invalid, "InvalidHeaderValue",
                         fmt::format("x-ms-blob-content-length '{}' is not a multiple of 512 up to "
                                     "{}.",
                                     text.substr(0, 40), blob::size_bytes_max)));
}

}  // namespace

Result<http::Reply> Storage::answer_blob(const Ask& ask) {
  const auto& method = ask.request.method;
  for (const char* name : {"snapshot", "versionid", "prevsnapshot"}) {
    if (ask.target.query.contains(name)) {
      return fail(blob_error(Kind::invalid, "InvalidQueryParameterValue",
                             fmt::format("Blobs have no snapshots and versions here ({}).", name)));
    }
  }
  if (method == "PUT" && ask.comp.empty()) return put_blob(ask);
  if (method == "PUT" && ask.comp == "page") {
    TRY(ask.rights.check(Level::blob, "w"));
    return put_page(ask);
  }
  if (method == "PUT" && (ask.comp == "metadata" || ask.comp == "properties")) {
    TRY(ask.rights.check(Level::blob, "w"));
    return set_properties(ask);
  }
  if (method == "DELETE" && ask.comp.empty()) {
    TRY(ask.rights.check(Level::blob, "d"));
    return delete_blob(ask);
  }
  if (method != "GET" && method != "HEAD") return fail(unsupported(ask.request, ask.comp));
  TRY(ask.rights.check(Level::blob, "r"));
  if (method == "GET" && ask.comp == "pagelist") return list_pages(ask);
  if (ask.comp.empty()) return read_blob(ask, method == "HEAD");
  if (ask.comp == "metadata") return read_blob(ask, true);
  return fail(unsupported(ask.request, ask.comp));
}

// A new blob, or one that is written over: all zeros, in a file of its own, so that who reads the
// old one goes on doing so.
Result<http::Reply> Storage::put_blob(const Ask& ask) {
  const auto& headers = ask.request.headers;
  if (headers.has("x-ms-copy-source")) return fail(unsupported(ask.request, "copy"));
  if (!iequals(headers.get("x-ms-blob-type"), "PageBlob")) {
    return fail(blob_error(Kind::invalid, "InvalidBlobType",
                           "Storage accounts of this server hold page blobs only: send "
                           "x-ms-blob-type: PageBlob (az storage blob upload --type page)."));
  }
  if (string_at(ask.account.internal, "kind") == "BlobStorage") {
    return fail(blob_error(Kind::conflict, "BlobTypeNotSupported",
                           "Accounts of kind BlobStorage hold no page blobs. Make one of kind "
                           "StorageV2."));
  }
  blob::Blob fresh;
  fresh.name = ask.blob;
  fresh.size_bytes = TRY(size_of(ask.request));
  fresh.metadata = TRY(metadata_of(ask.request));
  fresh.content = TRY(content_of(ask.request));
  std::string old;
  TRY(change(ask, [&](model::Change& change) -> Result<> {
    const auto found = TRY(find(change, ask.unique, ask.container, ask.blob));
    old.clear();
    if (found.row) {
      if (headers.get("If-None-Match") == "*") {
        return fail(
            blob_error(Kind::conflict, "BlobAlreadyExists", "The specified blob already exists."));
      }
      TRY(ask.rights.check(Level::blob, "w"));
      TRY(check_conditions(ask.request, found.row->etag, found.row->modified));
      old = found.row->id;
    } else {
      TRY(ask.rights.check(Level::blob, "cw"));
      if (headers.has("If-Match")) return fail(not_met("If-Match"));  // "*" is any, not none
    }
    fresh.id = change.random().uuid();
    fresh.created = change.now();
    touch(change, fresh);
    if (!found.row) return blob::add_blob(change, ask.unique, found.container, fresh);
    return blob::put_blob(change, found.container.id, fresh);
  }));
  if (!old.empty()) {
    const auto removed = parts_.depot.blobs().remove(old);
    if (!removed) LOG(warning, "front", "a blob's file stays: {}", removed.error().message);
  }
  return written(fresh, 201);
}

Result<http::Reply> Storage::put_page(const Ask& ask) {
  const auto look = [&]() -> Result<Found> {
    Found found;
    TRY(read(ask, [&](const model::View& view) -> Result<> {
      found = TRY(find(view, ask.unique, ask.container, ask.blob));
      return {};
    }));
    if (!found.row) return fail(blob_not_found(ask.blob));
    return found;
  };
  auto found = TRY(look());
  const std::string id = found.row->id;
  const auto size = found.row->size_bytes;
  const auto write = TRY(page_write_of(ask.request, size));
  const auto touch_row = [&](bool conditional) {
    return change(ask, [&](model::Change& change) -> Result<> {
      found = TRY(find(change, ask.unique, ask.container, ask.blob));
      // Deleted or made anew meanwhile: what we write is nobody's.
      if (!found.row || found.row->id != id) return fail(blob_not_found(ask.blob));
      if (conditional) {
        TRY(check_conditions(ask.request, found.row->etag, found.row->modified));
      }
      touch(change, *found.row);
      return blob::put_blob(change, found.container.id, *found.row);
    });
  };
  // Of those who name the same condition one goes on. Its row changes again when the bytes are
  // there, so that who read it in between does not take the old ones for those of the new row.
  if (has_conditions(ask.request)) TRY(touch_row(true));
  auto& files = parts_.depot.blobs();
  work::Uploads::Writing writing(files, id);
  if (write.clear) {
    TRY(files.clear(id, size, write.offset, write.length));
  } else {
    TRY(files.write(id, size, write.offset, as_bytes(ask.request.body)));
  }
  TRY(touch_row(false));
  writing.told();
  auto reply = written(*found.row, 201);
  if (!ask.request.body.empty()) {
    reply.headers.add("Content-MD5", digest_text("MD5", as_bytes(ask.request.body)));
  }
  return reply;
}

// Metadata, or the headers of the content: the whole of them is replaced.
Result<http::Reply> Storage::set_properties(const Ask& ask) {
  const bool metadata = ask.comp == "metadata";
  if (ask.request.headers.has("x-ms-sequence-number-action")) {
    return fail(unsupported(ask.request, "sequence numbers"));
  }
  const Json said = metadata ? TRY(metadata_of(ask.request)) : TRY(content_of(ask.request));
  Found found;
  TRY(change(ask, [&](model::Change& change) -> Result<> {
    found = TRY(find(change, ask.unique, ask.container, ask.blob));
    if (!found.row) return fail(blob_not_found(ask.blob));
    TRY(check_conditions(ask.request, found.row->etag, found.row->modified));
    if (ask.request.headers.has("x-ms-blob-content-length") &&
        TRY(size_of(ask.request)) != found.row->size_bytes) {
      return fail(blob_error(Kind::conflict, "UnsupportedHeader",
                             "A page blob keeps its size on this server. Make it anew."));
    }
    (metadata ? found.row->metadata : found.row->content) = said;
    touch(change, *found.row);
    return blob::put_blob(change, found.container.id, *found.row);
  }));
  return written(*found.row, 200);
}

Result<http::Reply> Storage::delete_blob(const Ask& ask) {
  std::string id;
  TRY(change(ask, [&](model::Change& change) -> Result<> {
    const auto found = TRY(find(change, ask.unique, ask.container, ask.blob));
    if (!found.row) return fail(blob_not_found(ask.blob));
    TRY(check_conditions(ask.request, found.row->etag, found.row->modified));
    id = found.row->id;
    return blob::take_blob(change, ask.unique, found.container, ask.blob);
  }));
  const auto removed = parts_.depot.blobs().remove(id);
  if (!removed) LOG(warning, "front", "a blob's file stays: {}", removed.error().message);
  return http::Reply{.status = 202};
}

// A file that is not there reads as zeros, be it not written yet or removed: only while its row is
// there it is the former.
Result<Storage::Opened> Storage::open_blob(const Ask& ask) const {
  for (int tries = 0; tries < 4; tries++) {
    Opened opened;
    std::string id;
    for (const bool again : {false, true}) {
      TRY(read(ask, [&](const model::View& view) -> Result<> {
        auto found = TRY(find(view, ask.unique, ask.container, ask.blob));
        if (!found.row) return fail(blob_not_found(ask.blob));
        opened.row = std::move(*found.row);
        return {};
      }));
      if (again) break;
      id = opened.row.id;
      opened.source = TRY(parts_.depot.blobs().source(id, opened.row.size_bytes));
    }
    if (opened.row.id == id) return opened;
  }
  return fail(blob_error(Kind::busy, "ServerBusy", "The blob is made anew all the time."));
}

Result<http::Reply> Storage::read_blob(const Ask& ask, bool head) {
  const auto [row, source] = TRY(open_blob(ask));
  TRY(check_conditions(ask.request, row.etag, row.modified));
  Range wanted{.first = 0, .last = row.size_bytes - 1};
  bool part = false;
  if (!head) {
    const auto range = TRY(range_of(ask.request, row.size_bytes));
    part = range.has_value();
    if (range) wanted = *range;
  }
  http::Reply reply{.status = part ? 206 : 200};
  describe(row, reply);
  show_metadata(row.metadata, reply);
  for (const auto& each : row.content.get_object()) {
    // The MD5 is that of the whole.
    const bool renamed = part && each.key() == "Content-MD5";
    reply.headers.add(renamed ? "x-ms-blob-content-md5" : std::string(each.key()),
                      std::string(each.value().get_string()));
  }
  reply.headers.add("Accept-Ranges", "bytes");
  reply.headers.add("x-ms-creation-time", blob::to_http_date(row.created));
  reply.headers.add("x-ms-lease-status", "unlocked");
  reply.headers.add("x-ms-lease-state", "available");
  reply.headers.add("x-ms-server-encrypted", "false");
  if (ask.comp == "metadata" || row.size_bytes == 0) return reply;
  if (part) {
    reply.headers.add("Content-Range",
                      fmt::format("bytes {}-{}/{}", wanted.first, wanted.last, row.size_bytes));
  }
  reply.stream = stream_range(
      wanted,
      [source = source](std::uint64_t at, MutableBytes into) { return source->read(at, into); },
      [this, id = ask.account.id, key = ask.rights.key]() -> Result<bool> {
        const auto account = TRY(parts_.model.find(id));
        return account && blob::has_key(*account, key);
      });
  return reply;
}

Result<http::Reply> Storage::list_pages(const Ask& ask) {
  const auto [row, source] = TRY(open_blob(ask));
  TRY(check_conditions(ask.request, row.etag, row.modified));
  const auto asked = TRY(range_of(ask.request, row.size_bytes));
  auto reply = TRY(page_list(asked, row.size_bytes, [&](std::uint64_t at, std::uint64_t length) {
    return source->extents(at, length);
  }));
  describe(row, reply);
  return reply;
}

}  // namespace pinaco::front
