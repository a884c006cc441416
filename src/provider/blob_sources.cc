// A fixed VHD that is a page blob of a storage account, as a source of versions, images and disks.
#include <fmt/format.h>

#include "base/text.h"
#include "blob/blob.h"
#include "provider/storage.h"

namespace pinaco::provider {
namespace {

constexpr std::uint64_t mib = 1 << 20;

// Which resource the account is. Only one of the own subscription may go without its id: where the
// others are is not told.
Result<arm::ResourceId> account_id(const Draft& draft, const blob::Place& place,
                                   std::string_view said, const std::string& path) {
  if (!said.empty()) {
    auto id = arm::ResourceId::parse(said);
    if (!id || !id->is_resource() || !iequals(id->full_type(), blob::account_type)) {
      return fail(arm::invalid_parameter(
          path, fmt::format("'{}' is not the id of a storage account.", said.substr(0, 300))));
    }
    if (!iequals(id->name(), place.account)) {
      return fail(arm::invalid_parameter(
          path, fmt::format("The blob is in the storage account '{}', the id names '{}'.",
                            place.account, id->name())));
    }
    return std::move(*id);
  }
  std::optional<Json> fact;
  TRY(draft.call.model.read("", [&](const model::View& view) -> Result<> {
    fact = TRY(view.find_fact(blob::name_fact(place.account)));
    return {};
  }));
  if (fact) {
    auto id = TRY(arm::ResourceId::parse(string_at(*fact, "id")));
    if (iequals(id.subscription, draft.change.subscription())) return id;
  }
  return fail(arm::error(Kind::not_found, "NotFound",
                         fmt::format("This subscription has no storage account '{}'. For one of "
                                     "another subscription give its id (storageAccountId).",
                                     place.account),
                         path));
}

Error blob_not_found(std::string_view uri, const std::string& path) {
  return arm::error(Kind::not_found, "NotFound",
                    fmt::format("Source {} is not found. Please check source exists, and is in the "
                                "same region as the resource being created.",
                                uri),
                    path);
}

}  // namespace

Result<Json> content_of_blob(const Draft& draft, std::string_view uri, std::string_view account,
                             const std::string& path) {
  const auto place = TRY(blob::parse_uri(uri, draft.call.base_url));
  const auto id = TRY(account_id(draft, place, account, path));
  // Whoever may have the keys may have the bytes.
  TRY(draft.call.may_link(fmt::format("{}/listKeys/action", blob::account_type), id));
  const auto row = TRY(draft.find_linked(id));
  if (!row || row->location != draft.wanted.location) return fail(blob_not_found(uri, path));
  std::optional<blob::Container> container;
  std::optional<blob::Blob> found;
  const auto look = [&](const model::View& view) -> Result<> {
    container = TRY(blob::find_container(view, blob::unique_of(*row), place.container));
    if (container) found = TRY(blob::find_blob(view, container->id, place.name));
    return {};
  };
  if (iequals(id.subscription, draft.change.subscription())) {
    TRY(look(draft.change));
  } else {
    TRY(draft.call.model.read(row->id.subscription, look));
  }
  if (!found) return fail(blob_not_found(uri, path));
  if (found->size_bytes <= 512 || (found->size_bytes - 512) % mib != 0) {
    return fail(arm::invalid_parameter(
        path, fmt::format("The VHD {} has an unsupported virtual size of {} bytes. The size must "
                          "be a whole number (in MBs).",
                          uri, found->size_bytes < 512 ? 0 : found->size_bytes - 512)));
  }
  return JsonObject{{"blob", JsonObject{{"subscription", row->id.subscription},
                                        {"container", container->id},
                                        {"name", found->name},
                                        {"id", found->id},
                                        {"etag", found->etag},
                                        {"uri", uri}}},
                    {"sizeBytes", found->size_bytes - 512}};
}

}  // namespace pinaco::provider
