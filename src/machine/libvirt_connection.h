// A connection to libvirt that is opened when it is needed, and the volumes behind it. The only
// files that see libvirt's headers are libvirt.cc, libvirt_connection.* and libvirt_transfer.*.
#pragma once

#include <libvirt/libvirt.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace pinaco::machine {

using LibvirtHandle = std::shared_ptr<virConnect>;
using PoolHandle = std::shared_ptr<virStoragePool>;
using VolumeHandle = std::shared_ptr<virStorageVol>;

class LibvirtConnection {
 public:
  // `stopped` ends transfers with cancelled; may be empty.
  LibvirtConnection(std::string host, std::string uri, std::string pool,
                    std::function<bool()> stopped)
      : host_(std::move(host)),
        uri_(std::move(uri)),
        pool_(std::move(pool)),
        stopped_(std::move(stopped)) {}

  Result<LibvirtHandle> open();
  void wait_for_event(Milliseconds at_most) const;
  // The error of the call that just failed on this thread.
  std::unexpected<Error> refused(std::string_view doing) const;
  Result<PoolHandle> find_pool(const LibvirtHandle& link) const;
  Result<std::optional<std::string>> find_volume(const std::string& name);
  Result<std::string> upload(const std::string& name, const std::string& from_path);
  Result<bool> has_bytes_of(const std::string& name, const std::string& path);
  Result<> download(const std::string& name, const std::string& to_path, std::uint64_t bytes_max);
  Result<> erase_volume(const std::string& name);

 private:
  struct Attempt;
  // Told by libvirt's own thread that some guest has changed.
  struct Events {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t count = 0;
  };
  static void tell(void* with);
  static std::vector<int> listen(virConnectPtr link, const std::shared_ptr<Events>& about);
  Result<VolumeHandle> get_volume(const LibvirtHandle& link, const std::string& name) const;
  const std::string host_;
  const std::string uri_;
  const std::string pool_;
  const std::function<bool()> stopped_;
  const std::shared_ptr<Events> events_ = std::make_shared<Events>();
  std::mutex mutex_;
  LibvirtHandle link_;
  std::shared_ptr<Attempt> attempt_;  // that goes on in a thread of its own
  std::optional<Error> failure_;      // of the last attempt
  SteadyTime failed_at_ = {};
};

}  // namespace pinaco::machine
