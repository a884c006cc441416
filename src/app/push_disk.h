// The managed disk that a push fills: made, or taken up where an earlier push stopped; imported;
// removed.
#pragma once

#include <string>

#include "app/client.h"
#include "app/page_blob.h"
#include "arm/arm.h"

namespace pinaco::app {

struct UploadDisk {
  arm::ResourceId id;
  std::string location;
  std::uint64_t size_bytes = 0;  // of the disk, without the footer
  std::string os_type = "Linux";
  std::string generation = "V1";
};

enum class DiskFound {
  made,      // new, empty
  resumed,   // open for writing, with what arrived earlier
  imported,  // complete; whether with the right bytes is not known yet
};
// Conflict when a disk of this name exists that is none of these.
Result<DiskFound> prepare_disk(Connection& connection, const UploadDisk& disk);

Result<std::shared_ptr<PageBlob>> open_for_writing(Connection& connection, const UploadDisk& disk);
// Ends the writing, which imports the disk; on_poll sees the operation's status document.
Result<> import_disk(Connection& connection, const UploadDisk& disk, const OnPoll& on_poll);

// What the server says that a disk or a version holds: imageDigest, sizeBytes, ...
Result<Json> get_contents(Connection& connection, const arm::ResourceId& id);

// Deletes a disk even when it is open for writing.
Result<> remove_disk(Connection& connection, const arm::ResourceId& id);
// "pinaco delete /subscriptions/... --yes"
std::string how_to_delete(const arm::ResourceId& id);

}  // namespace pinaco::app
