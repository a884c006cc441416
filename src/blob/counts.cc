// How many containers and blobs there are, counted in the transaction that adds or takes one.
#include <fmt/format.h>

#include <algorithm>

#include "blob/blob.h"

namespace pinaco::blob {
namespace {

struct Counts {
  std::uint64_t containers = 0;
  std::uint64_t blobs = 0;
};

std::string counts_fact(std::string_view account) {
  return fmt::format("account/{}", account);
}

Result<Counts> counts_of(const model::View& view, std::string_view account) {
  const auto fact = TRY(view.find_fact(counts_fact(account)));
  if (!fact) return Counts{};
  return Counts{.containers = static_cast<std::uint64_t>(int_at(*fact, "containers")),
                .blobs = static_cast<std::uint64_t>(int_at(*fact, "blobs"))};
}

Result<> put_counts(model::Change& change, std::string_view account, const Counts& counts) {
  return change.put_fact(counts_fact(account),
                         JsonObject{{"containers", counts.containers}, {"blobs", counts.blobs}});
}

// Never below nothing.
void take(std::uint64_t& count, std::uint64_t how_many) {
  count -= std::min(count, how_many);
}

}  // namespace

Result<> add_container(model::Change& change, std::string_view account, const Container& row) {
  auto counts = TRY(counts_of(change, account));
  if (counts.containers >= containers_max) {
    return fail(arm::error(Kind::quota, "ContainerQuotaExceeded",
                           fmt::format("A storage account has at most {} containers on this "
                                       "server. Delete one first.",
                                       containers_max)));
  }
  counts.containers++;
  TRY(put_counts(change, account, counts));
  return put_container(change, account, row);
}

Result<> take_container(model::Change& change, std::string_view account, const Container& row) {
  auto counts = TRY(counts_of(change, account));
  take(counts.containers, 1);
  take(counts.blobs, row.blobs);
  TRY(put_counts(change, account, counts));
  return change.erase_fact(fmt::format("container/{}/{}", account, row.name));
}

Result<> add_blob(model::Change& change, std::string_view account, Container container,
                  const Blob& row) {
  auto counts = TRY(counts_of(change, account));
  if (container.blobs >= blobs_max || counts.blobs >= account_blobs_max) {
    return fail(arm::error(Kind::quota, "BlobQuotaExceeded",
                           fmt::format("A container has at most {} blobs on this server, an "
                                       "account {}. Delete one, or use another.",
                                       blobs_max, account_blobs_max)));
  }
  container.blobs++;
  counts.blobs++;
  TRY(put_container(change, account, container));
  TRY(put_counts(change, account, counts));
  return put_blob(change, container.id, row);
}

Result<> take_blob(model::Change& change, std::string_view account, Container container,
                   std::string_view name) {
  auto counts = TRY(counts_of(change, account));
  take(container.blobs, 1);
  take(counts.blobs, 1);
  TRY(put_container(change, account, container));
  TRY(put_counts(change, account, counts));
  return change.erase_fact(fmt::format("blob/{}/{}", container.id, name));
}

}  // namespace pinaco::blob
