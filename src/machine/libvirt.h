// One host's libvirt, over its C library (libvirt.org/html): domains by their UUID, and the volumes
// of one storage pool.
//
// Threads: any; calls share one connection. Lifetime: connects at the first call, and again after
// the connection was lost. Limits: 10 s to connect; after a failure calls fail at once for 10 s, so
// that nobody waits for a host that is away; a host that is silent for 15 s is given up. Errors:
// not_found for a domain or volume that is not there, conflict for what its state forbids, else
// unavailable; each says the host's name and what was tried. libvirt's own words, which may have
// paths and arguments in them, go to the log.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace pinaco::machine {

struct Domain {
  enum class Is { missing, running, broken, off };
  Is is = Is::missing;
  bool waits_for_disk = false;  // broken, and `resume` may help
  std::string trouble = {};     // why it is broken, or off though nobody wanted that
};

class Libvirt {
 public:
  // `stopped` is asked while volumes come and go, which then end with cancelled.
  Libvirt(std::string host, std::string uri, std::string pool,
          std::function<bool()> stopped = nullptr);
  Libvirt(const Libvirt&) = delete;
  Libvirt& operator=(const Libvirt&) = delete;
  virtual ~Libvirt();

  virtual Result<> connect();      // it answers, and has the pool
  virtual Result<bool> has_kvm();  // it says so

  virtual Result<Domain> domain(const std::string& id);
  // Of any guest there, or until the time is over.
  virtual void wait_for_event(Milliseconds at_most);
  virtual Result<> define(const std::string& xml);  // or replaces what it is from its next start on
  // With its firmware's variables; missing is fine.
  virtual Result<> undefine(const std::string& id);
  virtual Result<> power_on(const std::string& id);   // running is fine
  virtual Result<> power_off(const std::string& id);  // at once; off and missing are fine
  virtual Result<> press_power_button(const std::string& id);
  virtual Result<> reset(const std::string& id);
  virtual Result<> resume(const std::string& id);
  virtual Result<std::string> live_xml(const std::string& id);  // as it is now
  virtual Result<> plug(const std::string& id, const std::string& device_xml);
  virtual Result<> unplug(const std::string& id, const std::string& device_xml);  // does not wait
  virtual Result<> exchange(const std::string& id, const std::string& device_xml);
  // Of disks, reusing files that are there.
  virtual Result<> snapshot(const std::string& id, const std::string& snapshot_xml);
  virtual Result<Bytes> screenshot(const std::string& id);  // as the host has it: PPM or PNG

  virtual Result<std::optional<std::string>> find_volume(const std::string& name);  // its path
  // Its path; replaces what has this name.
  virtual Result<std::string> upload(const std::string& name, const std::string& from_path);
  // Reads the volume back.
  virtual Result<bool> has_bytes_of(const std::string& name, const std::string& path);
  // Durable, whole or not there. corrupt when it is longer than `bytes_max`.
  virtual Result<> download(const std::string& name, const std::string& to_path,
                            std::uint64_t bytes_max);
  virtual Result<> erase_volume(const std::string& name);  // missing is fine

 protected:
  Libvirt();  // for one that does it all in another way

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace pinaco::machine
