// Page blobs behind signed links: how disks are uploaded and read. Inside this room only.
//
// A link is /blob/{subscription}/{grant}?sv=…&sr=b&si={grant}&sig=…: the signature keeps strangers
// from asking about grants at all, the grant's row says what it opens, how, and until when, so a
// revoked link is dead with the transaction that revoked it.
#pragma once

#include <list>
#include <map>
#include <mutex>

#include "front/front.h"
#include "front/target.h"

namespace pinaco::front {

class Blobs {
 public:
  explicit Blobs(const Parts& parts) : parts_(parts) {}

  std::string sign(std::string_view base_url, std::string_view subscription,
                   std::string_view grant) const;
  http::Reply answer(const http::Request& request, const Target& target);

  // A disk, snapshot or image version (one disk of it) as a reader, in a region.
  struct Opened {
    std::shared_ptr<DiskReader> disk;
    std::string region;
    std::string image;  // digest
  };
  Result<Opened> open_resource(const arm::ResourceId& id, std::string_view region,
                               const Json& lun) const;

 private:
  struct Grant;
  struct Blob;  // what a link opens: an upload, or a stored disk followed by a VHD footer
  Result<Grant> find_grant(const Target& target) const;
  Result<bool> is_live(const Grant& grant) const;
  Result<std::shared_ptr<const Blob>> open(const Grant& grant);
  Result<http::Reply> read(const http::Request& request, const Grant& grant, bool head);
  Result<http::Reply> read_diagnostics(const http::Request& request, const Grant& grant);
  Result<http::Reply> ranges(const http::Request& request, const Grant& grant);
  Result<http::Reply> write_page(const http::Request& request, const Grant& grant);
  Result<http::Reply> dispatch(const http::Request& request, const Target& target);

  const Parts& parts_;
  std::mutex mutex_;
  // Opened stored disks by grant, the latest first; opening decodes a manifest.
  std::list<std::pair<std::string, std::shared_ptr<const Blob>>> opened_;
};

}  // namespace pinaco::front
