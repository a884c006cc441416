// One host's libvirt, over its C library (libvirt.org/html): domains by their UUID, and the volumes
// of one storage pool.
//
// Threads: any; calls share one connection. Lifetime: connects at the first call, and again after
// the connection was lost. Limits: 10 s to connect; after a failure calls fail at once for 10 s, so
// that nobody waits for a host that is away; a host that is silent for 15 s is given up. Errors:
// not_found for a domain or volume that is not there, conflict for what its state forbids, else
// unavailable; each says the host's name, what was tried and libvirt's own words.
#pragma once

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
  Libvirt(std::string host, std::string uri, std::string pool);
  Libvirt(const Libvirt&) = delete;
  Libvirt& operator=(const Libvirt&) = delete;
  ~Libvirt();

  Result<> connect();      // it answers, and has the pool
  Result<bool> has_kvm();  // it says so

  Result<Domain> domain(const std::string& id);
  void wait_for_event(Milliseconds at_most);  // of any guest there; or until the time is over
  Result<> define(const std::string& xml);    // or replaces what it is from its next start on
  Result<> undefine(const std::string& id);   // with its firmware's variables; missing is fine
  Result<> power_on(const std::string& id);   // running is fine
  Result<> power_off(const std::string& id);  // at once; off and missing are fine
  Result<> press_power_button(const std::string& id);
  Result<> reset(const std::string& id);
  Result<> resume(const std::string& id);
  Result<std::string> live_xml(const std::string& id);  // as it is now
  Result<> plug(const std::string& id, const std::string& device_xml);
  Result<> unplug(const std::string& id, const std::string& device_xml);  // does not wait
  Result<> exchange(const std::string& id, const std::string& device_xml);
  Result<> snapshot(const std::string& id, const std::string& snapshot_xml);  // of disks, reusing
  Result<Bytes> screenshot(const std::string& id);  // as the host has it: PPM or PNG

  Result<std::optional<std::string>> find_volume(const std::string& name);  // its path
  // Its path; replaces what has this name.
  Result<std::string> upload(const std::string& name, const std::string& from_path);
  // Durable, whole or not there.
  Result<> download(const std::string& name, const std::string& to_path);
  Result<> erase_volume(const std::string& name);  // missing is fine

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace pinaco::machine
