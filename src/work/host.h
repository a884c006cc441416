// Host: where machines run. A hypervisor, the door through which guests read their disks (NBD on a
// socket file, or over TCP for other hosts), the folder of what they write, and the addresses that
// reach them.
//
// Threads: everything from any thread; work on one machine is serialised by lock(). Lifetime:
// guests outlive it; the next Host finds them by their rows. Limits: those of the hypervisor.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "machine/machine.h"
#include "model/model.h"
#include "nbd/nbd.h"
#include "work/replicas.h"
#include "work/starts.h"

namespace pinaco::work {

struct HostOptions {
  std::unique_ptr<machine::Hypervisor> hypervisor;
  bool simulated = false;  // nothing runs: guests are ready at once
  std::unique_ptr<nbd::Server> disks;
  std::string disks_socket;  // the path that it listens on
  // Or "address:port", where hypervisors on other hosts reach it; the names of disks are secrets
  // then, made with the key.
  std::string disks_server = {};
  std::string disks_key = {};
  std::string folder;  // of overlays; exists
  std::string addresses = "127.42.0.0/16";
  Seconds provisioning_limit = Seconds(1200);  // until a guest must have reported
  Milliseconds grace = Seconds(90);            // for a guest to shut down
};

// The name of a version in a region for Replicas.
std::string replica_key(const arm::ResourceId& image, std::string_view region);

class Host {
 public:
  static constexpr std::size_t locks = 256;  // two machines may share one
  explicit Host(HostOptions options) : options_(std::move(options)) {}

  machine::Hypervisor& hypervisor() { return *options_.hypervisor; }
  nbd::Server& disks() { return *options_.disks; }
  const HostOptions& options() const { return options_; }

  // Held by whoever changes a machine or takes its disks; never two at once.
  std::unique_lock<std::mutex> lock(std::string_view machine);
  // The same; owns nothing when somebody has it, which may be for as long as a start takes.
  std::unique_lock<std::mutex> try_lock(std::string_view machine);
  // A new name each time: a file that a crash left behind is never taken for another.
  std::string new_overlay_path(std::string_view disk, Random& random) const;
  std::string export_name(std::string_view disk) const;  // of a disk, for disks()
  std::string disk_uri(std::string_view disk) const;
  Replicas& replicas() { return replicas_; }
  Starts& starts() { return starts_; }
  std::mutex& addresses() { return addresses_; }  // held while one is chosen

 private:
  HostOptions options_;
  Replicas replicas_;
  Starts starts_;
  std::mutex addresses_;
  std::array<std::mutex, locks> locks_;
};

}  // namespace pinaco::work
