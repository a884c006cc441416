// A page blob behind a signed link: what a managed disk is uploaded to and a version read from.
// The link itself is the permission, so it is never logged and no token goes with it.
//
// Threads: any number; each call borrows a client. Lifetime: clock and waiting outlive it. Limits:
// 4 MiB a request. Errors: as Connection's.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/retry.h"
#include "base/disk_reader.h"

namespace pinaco::app {

inline constexpr std::size_t page_bytes_max = 4 << 20;

// The ranges with data in a PageList document, sorted, neighbours merged.
Result<std::vector<Extent>> parse_page_list(std::string_view xml);

struct PageList {
  std::vector<Extent> data;
  std::uint64_t size_bytes = 0;  // of the blob
};

class PageBlob {
 public:
  PageBlob(std::string link, http::ClientOptions client, Patience patience)
      : link_(std::move(link)), options_(std::move(client)), patience_(patience) {}

  Result<PageList> list_pages() const;
  Result<> put(std::uint64_t offset, ByteView page) const;  // whole sectors, at most 4 MiB
  Result<> get(std::uint64_t offset, MutableBytes into) const;

 private:
  Result<http::Answer> send(http::Ask ask) const;

  const std::string link_;
  const http::ClientOptions options_;
  const Patience patience_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<http::Client>> idle_;
};

}  // namespace pinaco::app
