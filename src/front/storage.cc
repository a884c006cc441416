// Accounts and containers of the blob service; its blobs are in storage_blobs.cc.
#include "front/storage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "front/storage_words.h"

namespace pinaco::front {
namespace {

std::string value_of(const blob::Query& query, const char* name) {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

}  // namespace

bool Storage::is_for(const Target& target) {
  return !target.segments.empty() && blob::is_account_name(target.segments[0]) &&
         !blob::is_reserved_name(target.segments[0]);
}

Result<Storage::Ask> Storage::understand(const http::Request& request, const Target& target) {
  const auto name = target.segments[0];
  auto account = TRY(blob::find_account(parts_.model, name));
  if (!account) {
    return fail(blob_error(Kind::not_found, "ResourceNotFound",
                           fmt::format("There is no storage account '{}' on this server.", name)));
  }
  Ask ask{.request = request,
          .target = target,
          .account = std::move(*account),
          .unique = {},
          .container = target.segments.size() > 1 ? target.segments[1] : "",
          .blob = {},
          .comp = to_lower(value_of(target.query, "comp")),
          .restype = to_lower(value_of(target.query, "restype")),
          .rights = {}};
  ask.unique = blob::unique_of(ask.account);
  for (std::size_t i = 2; i < target.segments.size(); i++) {
    ask.blob += (i == 2 ? "" : "/") + target.segments[i];
  }
  if (ask.blob.size() > blob::name_bytes_max) {
    return fail(
        blob_error(Kind::invalid, "OutOfRangeInput",
                   fmt::format("The name of a blob has {} bytes at most.", blob::name_bytes_max)));
  }
  if (!is_xml_text(ask.container) || !is_xml_text(ask.blob)) {
    return fail(blob_error(Kind::invalid, "InvalidResourceName",
                           "The specified resource name contains invalid characters: lists of "
                           "names are XML, which has none of them."));
  }
  ask.rights = TRY(blob::authenticate({.request = request,
                                       .query = target.query,
                                       .account = name,
                                       .container = ask.container,
                                       .blob = ask.blob},
                                      ask.account, parts_.model.clock().now()));
  return ask;
}

Result<> Storage::still_signed(const Ask& ask, const model::View& view) const {
  const auto now = TRY(view.find(ask.account.id));
  if (now && blob::unique_of(*now) == ask.unique && blob::has_key(*now, ask.rights.key)) return {};
  return fail(auth_failed("The account or the key that signed the request is gone."));
}

Result<> Storage::read(const Ask& ask,
                       const std::function<Result<>(const model::View&)>& look) const {
  return parts_.model.read(ask.account.id.subscription, [&](const model::View& view) -> Result<> {
    TRY(still_signed(ask, view));
    return look(view);
  });
}

Result<> Storage::change(const Ask& ask,
                         const std::function<Result<>(model::Change&)>& write) const {
  return parts_.model.change(ask.account.id.subscription, [&](model::Change& change) -> Result<> {
    TRY(still_signed(ask, change));
    return write(change);
  });
}

Result<http::Reply> Storage::answer_account(const Ask& ask) {
  const bool reads = ask.request.method == "GET" || ask.request.method == "HEAD";
  if (ask.restype == "account" && ask.comp == "properties" && reads) {
    http::Reply reply;
    reply.headers.add("x-ms-sku-name", std::string(string_at(ask.account.sku, "name")));
    reply.headers.add("x-ms-account-kind", std::string(string_at(ask.account.internal, "kind")));
    reply.headers.add("x-ms-is-hns-enabled", "false");
    return reply;
  }
  if (ask.restype == "service" && ask.comp == "properties" && ask.request.method == "GET") {
    TRY(ask.rights.check(blob::Level::service, "r"));
    http::Reply reply{.body =
                          "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
                          "<StorageServiceProperties></StorageServiceProperties>"};
    reply.headers.add("Content-Type", "application/xml");
    return reply;
  }
  if (ask.comp == "list" && ask.request.method == "GET") {
    TRY(ask.rights.check(blob::Level::service, "l"));
    return list_containers(ask);
  }
  return fail(unsupported(ask.request, ask.comp));
}

Result<http::Reply> Storage::list_containers(const Ask& ask) {
  const auto service = fmt::format("{}/{}/", ask.target.base_url, ask.account.id.name());
  const auto page = TRY(page_of(ask.request, ask.target.query, service));
  std::vector<blob::Container> rows;
  TRY(read(ask, [&](const model::View& view) -> Result<> {
    rows = TRY(blob::list_containers(view, ask.unique, std::max(page.prefix, page.marker),
                                     blob::containers_max));
    return {};
  }));
  return containers_xml(page, rows);
}

Result<http::Reply> Storage::answer_container(const Ask& ask) {
  using blob::Level;
  const auto& method = ask.request.method;
  const bool reads = method == "GET" || method == "HEAD";
  if (ask.restype != "container") {
    return fail(blob_error(Kind::invalid, "InvalidUri",
                           "The path names a container: add restype=container, or the name of a "
                           "blob."));
  }
  if (ask.comp == "list" && method == "GET") {
    TRY(ask.rights.check(Level::listing, "l"));
    return list_blobs(ask);
  }
  if (ask.comp.empty() && method == "PUT") {
    TRY(ask.rights.check(Level::container, "cw"));
    return create_container(ask);
  }
  if (ask.comp.empty() && method == "DELETE") {
    TRY(ask.rights.check(Level::container, "d"));
    return delete_container(ask);
  }
  if (reads && (ask.comp.empty() || ask.comp == "metadata" || ask.comp == "acl")) {
    TRY(ask.rights.check(Level::container, "r"));
    return show_container(ask);
  }
  if (ask.comp == "metadata" && method == "PUT") {
    TRY(ask.rights.check(Level::container, "w"));
    return set_container_metadata(ask);
  }
  return fail(unsupported(ask.request, ask.comp));
}

Result<http::Reply> Storage::create_container(const Ask& ask) {
  if (!blob::is_container_name(ask.container)) {
    return fail(blob_error(Kind::invalid, "InvalidResourceName",
                           fmt::format("The specified resource name contains invalid characters: "
                                       "'{}' is not 3 to 63 lower-case letters, digits and single "
                                       "hyphens, or the name is taken by the sign-in.",
                                       ask.container.substr(0, 100))));
  }
  if (ask.request.headers.has("x-ms-blob-public-access")) {
    return fail(blob_error(Kind::conflict, "PublicAccessNotPermitted",
                           "Public access is not permitted on this storage account."));
  }
  blob::Container row;
  row.name = ask.container;
  row.metadata = TRY(metadata_of(ask.request));
  TRY(change(ask, [&](model::Change& change) -> Result<> {
    if (TRY(blob::find_container(change, ask.unique, ask.container))) {
      return fail(
          blob_error(Kind::conflict, "ContainerAlreadyExists",
                     fmt::format("The specified container '{}' already exists.", ask.container)));
    }
    row.id = change.random().uuid();
    row.etag = blob::new_etag(change.random());
    row.modified = change.now();
    return blob::add_container(change, ask.unique, row);
  }));
  http::Reply reply{.status = 201};
  add_validators(reply, row.etag, row.modified);
  return reply;
}

Result<http::Reply> Storage::delete_container(const Ask& ask) {
  TRY(change(ask, [&](model::Change& change) -> Result<> {
    const auto row = TRY(blob::find_container(change, ask.unique, ask.container));
    if (!row) return fail(container_not_found(ask.container));
    TRY(check_conditions(ask.request, row->etag, row->modified));
    return blob::take_container(change, ask.unique, *row);
  }));
  parts_.workers.kick();  // the sweep takes what was in it
  return http::Reply{.status = 202};
}

Result<http::Reply> Storage::show_container(const Ask& ask) {
  std::optional<blob::Container> row;
  TRY(read(ask, [&](const model::View& view) -> Result<> {
    row = TRY(blob::find_container(view, ask.unique, ask.container));
    return {};
  }));
  if (!row) return fail(container_not_found(ask.container));
  http::Reply reply;
  add_validators(reply, row->etag, row->modified);
  if (ask.comp == "acl") {
    reply.headers.add("Content-Type", "application/xml");
    reply.body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><SignedIdentifiers />";
    return reply;
  }
  show_metadata(row->metadata, reply);
  reply.headers.add("x-ms-lease-status", "unlocked");
  reply.headers.add("x-ms-lease-state", "available");
  reply.headers.add("x-ms-has-immutability-policy", "false");
  reply.headers.add("x-ms-has-legal-hold", "false");
  return reply;
}

Result<http::Reply> Storage::set_container_metadata(const Ask& ask) {
  const auto metadata = TRY(metadata_of(ask.request));
  http::Reply reply;
  TRY(change(ask, [&](model::Change& change) -> Result<> {
    auto row = TRY(blob::find_container(change, ask.unique, ask.container));
    if (!row) return fail(container_not_found(ask.container));
    TRY(check_conditions(ask.request, row->etag, row->modified));
    row->metadata = metadata;
    row->etag = blob::new_etag(change.random());
    row->modified = change.now();
    reply = http::Reply();
    add_validators(reply, row->etag, row->modified);
    return blob::put_container(change, ask.unique, *row);
  }));
  return reply;
}

Result<http::Reply> Storage::list_blobs(const Ask& ask) {
  const auto service = fmt::format("{}/{}/", ask.target.base_url, ask.account.id.name());
  auto page = TRY(page_of(ask.request, ask.target.query, service));
  page.container = ask.container;
  std::vector<blob::Blob> rows;
  TRY(read(ask, [&](const model::View& view) -> Result<> {
    const auto container = TRY(blob::find_container(view, ask.unique, ask.container));
    if (!container) return fail(container_not_found(ask.container));
    rows = TRY(
        blob::list_blobs(view, container->id, std::max(page.prefix, page.marker), blob::blobs_max));
    return {};
  }));
  return blobs_xml(page, rows);
}

Result<http::Reply> Storage::dispatch(const http::Request& request, const Target& target) {
  TRY(check_supported(request));
  const auto ask = TRY(understand(request, target));
  if (ask.container.empty() || ask.restype == "account") return answer_account(ask);
  if (ask.blob.empty()) return answer_container(ask);
  return answer_blob(ask);
}

http::Reply Storage::answer(const http::Request& request, const Target& target) {
  auto done = dispatch(request, target);
  http::Reply reply = done ? std::move(*done) : xml_error(told_error(done.error()));
  if (!done && is_not_modified(request, done.error())) {
    reply.status = 304;
    reply.body.clear();
  }
  if (!done && (reply.status >= 500 || done.error().code.empty())) {
    LOG(error, "front", "{} of a storage account answered {}: {}", request.method, reply.status,
        done.error().message);
  }
  reply.headers.add("x-ms-request-id", parts_.model.random().uuid());
  add_blob_headers(request, reply);
  return reply;
}

}  // namespace pinaco::front
