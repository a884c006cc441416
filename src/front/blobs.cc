// The page-blob subset that uploads and downloads use: Put Page, Get Page Ranges, Get Blob,
// Get Blob Properties, and the Put Blob that some clients send first. Contract: the cloud's blob
// REST texts; errors are XML with x-ms-error-code.
#include "front/blobs.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "front/blob_words.h"
#include "front/holder.h"
#include "front/pages.h"

namespace pinaco::front {
namespace {

constexpr std::size_t opened_max = 8;  // each pins what it reads

}  // namespace

struct Blobs::Grant {
  std::string subscription;
  std::string id;
  arm::ResourceId resource;
  bool write = false;
  std::string region;
  Json lun;
  Json holder;         // whose right it is, of Pinaco's own links; null of those of ARM
  std::string upload;  // the disk's unique id while bytes are taken, else empty
  std::uint64_t upload_bytes = 0;
  std::string diagnostics = {};  // "Console" or "Screenshot" of a machine, else empty
};

struct Blobs::Blob {
  std::shared_ptr<format::Source> upload;
  std::shared_ptr<DiskReader> disk;
  Bytes footer;

  std::uint64_t size_bytes() const {
    return upload != nullptr ? upload->size_bytes() : disk->size_bytes() + footer.size();
  }

  Result<> read(std::uint64_t offset, MutableBytes into) const {
    if (upload != nullptr) return upload->read(offset, into);
    const std::uint64_t end = disk->size_bytes();
    const auto part = offset >= end ? 0 : std::min<std::uint64_t>(into.size(), end - offset);
    if (part != 0) TRY(disk->read(offset, into.first(static_cast<std::size_t>(part))));
    const auto rest = into.subspan(static_cast<std::size_t>(part));
    if (!rest.empty()) {
      const auto from = static_cast<std::size_t>(std::max(offset, end) - end);
      std::copy_n(footer.begin() + static_cast<std::ptrdiff_t>(from), rest.size(), rest.begin());
    }
    return {};
  }

  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const {
    if (upload != nullptr) return upload->extents(offset, length);
    const std::uint64_t end = disk->size_bytes();
    std::vector<Extent> result;
    if (offset < end) result = TRY(disk->extents(offset, std::min(length, end - offset)));
    if (offset + length > end) {
      const auto from = std::max(offset, end);
      result.push_back({.offset = from, .length = offset + length - from, .zero = false});
    }
    return result;
  }
};

std::string Blobs::sign(std::string_view base_url, std::string_view subscription,
                        std::string_view grant) const {
  const auto text = fmt::format("{}\n{}", subscription, grant);
  std::uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), parts_.link_key.data(), static_cast<int>(parts_.link_key.size()),
             as_bytes(text).data(), text.size(), mac, &size) != nullptr);
  return fmt::format("{}/blob/{}/{}?sv=2018-03-28&sr=b&si={}&sig={}", base_url, subscription, grant,
                     grant, percent_encode(to_base64(ByteView(mac, size))));
}

Result<Blobs::Grant> Blobs::find_grant(const Target& target) const {
  const auto sig = target.query.find("sig");
  if (target.segments.size() != 3 || sig == target.query.end()) {
    return fail(auth_failed("The link is not a signed link of this server."));
  }
  Grant grant{.subscription = to_lower(target.segments[1]),
              .id = to_lower(target.segments[2]),
              .resource = {},
              .region = {},
              .lun = nullptr,
              .holder = nullptr,
              .upload = {}};
  const auto good = sign("", grant.subscription, grant.id);
  const auto given = fmt::format("/blob/{}/{}?sv=2018-03-28&sr=b&si={}&sig={}", grant.subscription,
                                 grant.id, grant.id, percent_encode(sig->second));
  if (!constant_time_equal(good, given)) return fail(auth_failed("The signature did not match."));
  TRY(parts_.model.read(grant.subscription, [&](const model::View& view) -> Result<> {
    const auto fact = TRY(view.find_fact("grant/" + grant.id));
    if (!fact) return fail(auth_failed("The link was revoked."));
    const auto expires = parse_iso8601(string_at(*fact, "expires"));
    if (!expires || *expires <= parts_.model.clock().now()) {
      return fail(auth_failed("The link has expired."));
    }
    grant.resource = TRY(arm::ResourceId::parse(string_at(*fact, "resource")));
    const auto access = string_at(*fact, "access");
    grant.write = access == "Write";
    if (access == "Console" || access == "Screenshot") grant.diagnostics = access;
    grant.region = string_at(*fact, "region");
    if (const Json* lun = find_path(*fact, "lun")) grant.lun = *lun;
    if (const Json* holder = find_path(*fact, "by")) grant.holder = *holder;
    const auto row = TRY(view.find(grant.resource));
    // Another resource of the same name is not what the link was made for.
    if (!row || provider::identity_of(*row) != string_at(*fact, "of")) {
      return fail(auth_failed("What the link opened was deleted."));
    }
    if (const Json* upload = find_path(row->internal, "upload")) {
      grant.upload = string_at(row->properties, "uniqueId");
      grant.upload_bytes = static_cast<std::uint64_t>(int_at(*upload, "bytes"));
    }
    return {};
  }));
  if (!grant.holder.is_null() && !TRY(still_may(parts_, grant.holder, grant.resource))) {
    return fail(auth_failed("Whoever made the link may no longer read what it opens."));
  }
  return grant;
}

Result<bool> Blobs::is_live(const Grant& grant) const {
  bool live = false;
  TRY(parts_.model.read(grant.subscription, [&](const model::View& view) -> Result<> {
    live = TRY(view.find_fact("grant/" + grant.id))
    .has_value();
    return {};
  }));
  if (live && !grant.holder.is_null()) return still_may(parts_, grant.holder, grant.resource);
  return live;
}

Result<Blobs::Opened> Blobs::open_resource(const arm::ResourceId& id, std::string_view region,
                                           const Json& lun) const {
  const auto row = TRY(parts_.model.get(id));
  const auto gone = [&](std::string_view why) {
    return arm::error(Kind::conflict, "OperationNotAllowed",
                      fmt::format("'{}' cannot be read: {}", row.id.text(), why));
  };
  if (find_path(row.internal, "overlays") != nullptr && parts_.host != nullptr &&
      !parts_.host->options().simulated) {
    return fail(gone("its machine has it open. Deallocate the machine, or take a snapshot."));
  }
  if (const Json* content = find_path(row.internal, "content")) {
    if (provider::awaits_capture(*content)) return fail(gone("it is still being captured."));
    const auto size = static_cast<std::uint64_t>(int_at(row.properties, "diskSizeBytes"));
    return Opened {
      .disk = TRY(parts_.depot.open_disk(*content, row.location, size))
      , .region = row.location, .image = std::string(string_at(*content, "image"))
    };
  }
  const Json* contents = find_path(row.internal, "contents");
  if (contents == nullptr) return fail(gone("it holds no image yet."));
  const std::string where = region.empty() ? row.location : arm::normalize_location(region);
  const Json* state = find_path(row.internal, "regions." + where);
  if (state == nullptr || string_at(*state, "state") == "Failed") {
    return fail(gone(fmt::format("it is not replicated to region '{}'.", where)));
  }
  for (const Json& content : contents->get_array()) {
    const bool os = string_at(content, "role") == "os";
    if (lun.is_null() ? !os
                      : os || int_at(content, "lun", -1) != int_at(JsonObject{{"l", lun}}, "l")) {
      continue;
    }
    if (provider::awaits_capture(content)) return fail(gone("it is still being captured."));
    return Opened {
      .disk = TRY(parts_.depot.open_disk(content, where, 0))
      , .region = where, .image = std::string(string_at(content, "image"))
    };
  }
  return fail(gone("it has no data disk with that lun."));
}

Result<std::shared_ptr<const Blobs::Blob>> Blobs::open(const Grant& grant) {
  if (!grant.upload.empty()) {
    auto blob = std::make_shared<Blob>();
    blob->upload = TRY(parts_.depot.uploads().source(grant.upload, grant.upload_bytes));
    return std::shared_ptr<const Blob>(std::move(blob));
  }
  {
    const std::lock_guard lock(mutex_);
    for (auto at = opened_.begin(); at != opened_.end(); ++at) {
      if (at->first != grant.id) continue;
      opened_.splice(opened_.begin(), opened_, at);
      return at->second;
    }
  }
  auto blob = std::make_shared<Blob>();
  auto opened = TRY(open_resource(grant.resource, grant.region, grant.lun));
  blob->disk = std::move(opened.disk);
  if (blob->disk->size_bytes() % page_bytes != 0) {
    return fail(blob_error(Kind::conflict, "InvalidBlobType",
                           "A disk that is not whole sectors cannot be read as a page blob."));
  }
  const auto unique = Digest::of(as_bytes(opened.image));
  blob->footer =
      format::fixed_vhd_footer(blob->disk->size_bytes(), ByteView(unique.bytes).first(16));
  const std::lock_guard lock(mutex_);
  opened_.emplace_front(grant.id, blob);
  if (opened_.size() > opened_max) opened_.pop_back();
  return std::shared_ptr<const Blob>(std::move(blob));
}

Result<http::Reply> Blobs::read(const http::Request& request, const Grant& grant, bool head) {
  const auto blob = TRY(open(grant));
  const auto size = blob->size_bytes();
  const auto range = TRY(range_of(request, size));
  http::Reply reply{.status = range && !head ? 206 : 200};
  add_validators(reply, grant.id);
  reply.headers.add("Accept-Ranges", "bytes");
  reply.headers.add("Content-Type", "application/octet-stream");
  const Range wanted = range && !head ? *range : Range{.first = 0, .last = size - 1};
  if (reply.status == 206) {
    reply.headers.add("Content-Range",
                      fmt::format("bytes {}-{}/{}", wanted.first, wanted.last, size));
  }
  reply.stream = stream_range(
      wanted, [blob](std::uint64_t at, MutableBytes into) { return blob->read(at, into); },
      [this, grant] { return is_live(grant); });
  return reply;
}

// What a machine says and shows, behind the links of retrieveBootDiagnosticsData.
Result<http::Reply> Blobs::read_diagnostics(const http::Request& request, const Grant& grant) {
  if (request.method != "GET" && request.method != "HEAD") {
    return fail(blob_error(Kind::denied, "AuthorizationPermissionMismatch",
                           "This link does not allow writing."));
  }
  const auto row = TRY(parts_.model.get(grant.resource));
  const std::string id(string_at(row.properties, "vmId"));
  if (parts_.host == nullptr) {
    return fail(blob_error(Kind::not_found, "BlobNotFound", "No machines run on this server."));
  }
  http::Reply reply;
  add_validators(reply, grant.id);
  const auto shown = [&](auto taken) {
    if (taken) return taken;
    if (taken.error().kind == Kind::not_found) {
      taken.error().code = "BlobNotFound";
      return taken;
    }
    // It may name files and hosts, which are for those who run the server.
    LOG(warning, "front", "{} of {}: {}", grant.diagnostics, grant.resource.text(),
        taken.error().message);
    taken.error().message = "The machine does not show it now; the server's log says why.";
    return taken;
  };
  if (grant.diagnostics == "Console") {
    reply.body = TRY(shown(parts_.host->hypervisor().console(id)));
    reply.headers.add("Content-Type", "text/plain; charset=utf-8");
  } else {
    reply.body = std::string(as_text(TRY(shown(parts_.host->hypervisor().screenshot(id)))));
    reply.headers.add("Content-Type", "image/png");
  }
  return reply;
}

Result<http::Reply> Blobs::ranges(const http::Request& request, const Grant& grant) {
  const auto blob = TRY(open(grant));
  const auto size = blob->size_bytes();
  const auto asked = TRY(range_of(request, size));
  auto reply = TRY(page_list(asked, size, [&](std::uint64_t at, std::uint64_t length) {
    return blob->extents(at, length);
  }));
  add_validators(reply, grant.id);
  return reply;
}

Result<http::Reply> Blobs::write_page(const http::Request& request, const Grant& grant) {
  const auto write = TRY(page_write_of(request, grant.upload_bytes));
  auto& uploads = parts_.depot.uploads();
  if (write.clear) {
    TRY(uploads.clear(grant.upload, grant.upload_bytes, write.offset, write.length));
  } else {
    TRY(uploads.write(grant.upload, grant.upload_bytes, write.offset, as_bytes(request.body)));
  }
  // A write that a revoke overtook may have missed the import: it is not acknowledged.
  if (!TRY(is_live(grant))) return fail(auth_failed("The link was revoked."));
  http::Reply reply{.status = 201};
  add_validators(reply, grant.id);
  if (!request.body.empty()) {
    reply.headers.add("Content-MD5", digest_text("MD5", as_bytes(request.body)));
  }
  reply.headers.add("x-ms-request-server-encrypted", "false");
  return reply;
}

Result<http::Reply> Blobs::dispatch(const http::Request& request, const Target& target) {
  auto found = find_grant(target);
  if (!found) {
    // What a dead link held open is let go.
    if (target.segments.size() == 3) {
      const std::lock_guard lock(mutex_);
      std::erase_if(opened_, [&](const auto& each) { return each.first == target.segments[2]; });
    }
    return fail(found.error());
  }
  const Grant& grant = *found;
  if (!grant.diagnostics.empty()) return read_diagnostics(request, grant);
  const auto comp = target.query.find("comp");
  const std::string what = comp == target.query.end() ? "" : to_lower(comp->second);
  if (request.method == "GET" && what == "pagelist") return ranges(request, grant);
  if (request.method == "GET" && what.empty()) return read(request, grant, false);
  if (request.method == "HEAD" && what.empty()) return read(request, grant, true);
  if (request.method == "PUT" && (what == "page" || what.empty() || what == "properties")) {
    if (!grant.write || grant.upload.empty()) {
      return fail(blob_error(Kind::denied, "AuthorizationPermissionMismatch",
                             "This link does not allow writing."));
    }
    if (what == "page") return write_page(request, grant);
    // The blob is there already; creating it again is fine when it would be the same.
    const auto size = parse_int(request.headers.get("x-ms-blob-content-length"), 0, INT64_MAX);
    if (what.empty() && !iequals(request.headers.get("x-ms-blob-type"), "PageBlob")) {
      return fail(blob_error(Kind::invalid, "InvalidBlobType",
                             "Disks are page blobs: send x-ms-blob-type: PageBlob (az storage blob "
                             "upload --type page)."));
    }
    if (!size || static_cast<std::uint64_t>(*size) != grant.upload_bytes) {
      return fail(blob_error(Kind::conflict, "UnauthorizedBlobOverwrite",
                             fmt::format("The disk was made for an upload of {} bytes (VHD footer "
                                         "included), not for {}.",
                                         grant.upload_bytes, size.value_or(0))));
    }
    // A blob that is created is all zeros: who creates it sends no zero pages.
    if (what.empty()) {
      TRY(parts_.depot.uploads().clear(grant.upload, grant.upload_bytes, 0, grant.upload_bytes));
    }
    http::Reply reply{.status = what.empty() ? 201 : 200};
    add_validators(reply, grant.id);
    reply.headers.add("x-ms-request-server-encrypted", "false");
    return reply;
  }
  return fail(blob_error(Kind::invalid, "UnsupportedHttpVerb",
                         fmt::format("{} with comp='{}' is not available for a disk's page blob.",
                                     request.method, what)));
}

http::Reply Blobs::answer(const http::Request& request, const Target& target) {
  auto done = dispatch(request, target);
  http::Reply reply = done ? std::move(*done) : xml_error(told_error(done.error()));
  if (!done && (reply.status >= 500 || done.error().code.empty())) {
    LOG(error, "front", "{} of a blob answered {}: {}", request.method, reply.status,
        done.error().message);
  }
  reply.headers.add("x-ms-request-id", parts_.model.random().uuid());
  add_blob_headers(request, reply);
  return reply;
}

}  // namespace pinaco::front
