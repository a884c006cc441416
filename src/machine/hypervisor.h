// Virtual machines that live on: started, stopped, looked after, found again.
//
// What it is: a Hypervisor runs guests under names (GUIDs) in a folder of its own. The one for QEMU
// starts for each guest a supervisor (this program, `supervise`), which starts QEMU, is the guest's
// network card and keeps its console. Supervisors outlive this process: the next one finds them by
// the lock that each holds on its folder, and speaks to QEMU over its QMP socket. A supervisor that
// is killed takes its QEMU with it; the lock is free once both are gone.
// Threads: everything from any thread; calls for one guest wait for each other. Lifetime: guests go
// on when the Hypervisor is destroyed. Limits: 64 disks a guest; the last 1 MiB of console; starts
// wait so that at most `booting_max` guests are between power-on and their report (or 90 s).
// With libvirt the supervisor is an outpost: it is card and console of a guest that runs elsewhere.
// Errors: not_found without QEMU or for a name that does not run where it must; unavailable when
// QEMU ends or does not answer (says what it wrote last); conflict for what the state forbids.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "guest/guest.h"

namespace pinaco::machine {

struct Disk {
  std::string slot;          // "os", "lun0" … "lun63"
  std::string base_uri;      // nbd+unix:///name?socket=path; read only; empty: zeros
  std::string overlay_path;  // QCOW2; made when it is not there; absolute
  std::uint64_t size_bytes = 0;
  std::vector<std::string> frozen = {};  // overlays between both that `freeze` left, lowest first
};

struct Machine {
  std::string id;     // a GUID; also the SMBIOS UUID
  bool uefi = false;  // generation V2
  unsigned cpus = 1;
  unsigned memory_mib = 1024;
  std::vector<Disk> disks;  // the first is the OS disk
  Bytes disc = {};          // a provisioning disc, thrown away once the guest has ejected it
  guest::Facts facts;
};

enum class State {
  absent,   // no process, no memory
  running,  // also while it boots
  stopped,  // the guest has switched itself off; its memory is kept
  broken,   // a disk failed; it waits for `resume`
};

struct Status {
  State state = State::absent;
  guest::Report report = {};
  std::string trouble = {};  // why it is broken or has ended by itself
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;
  // Powers on. Repeatable: what runs is left alone, what is stopped is reset and goes on.
  virtual Result<> start(const Machine& machine) = 0;
  virtual Result<Status> status(const std::string& id) = 0;
  virtual std::vector<std::string> list() = 0;  // all that have a process
  // The power button, `grace` to obey, then by force. Afterwards stopped.
  virtual Result<> power_off(const std::string& id, Milliseconds grace) = 0;
  // The power button and `grace`, then a reset. What is stopped is powered on.
  virtual Result<> restart(const std::string& id, Milliseconds grace) = 0;
  virtual Result<> resume(const std::string& id) = 0;
  // The same as power_off, and then the process ends: absent, all that was written is in the
  // overlays. Fine when it is absent already.
  virtual Result<> end(const std::string& id, Milliseconds grace) = 0;
  virtual Result<> change(const std::string& id, const guest::Facts& facts) = 0;
  virtual Result<> attach(const std::string& id, const Disk& disk) = 0;
  virtual Result<> detach(const std::string& id, const std::string& slot) = 0;
  // From now on the guest writes to a new overlay above the one it had, which stays as it is (and
  // belongs into Disk::frozen at the next start). Repeatable with the same path.
  virtual Result<> freeze(const std::string& id, const std::string& slot,
                          const std::string& new_overlay_path) = 0;
  virtual Result<std::string> console(const std::string& id) = 0;
  virtual Result<Bytes> screenshot(const std::string& id) = 0;  // PNG
  // Ends it at once and removes its folder: console, firmware variables. The overlays stay.
  virtual Result<> remove(const std::string& id) = 0;
};

struct HypervisorOptions {
  std::string folder;                   // one folder a guest below it
  std::vector<std::string> supervisor;  // the command that calls supervise(), without its folder
  std::size_t booting_max = 0;          // 0: as many as processors
  // Asked at least every 200 ms by what waits, for its turn or for a guest; true: it ends with
  // cancelled, and can be asked for again.
  std::function<bool()> stopped = nullptr;
};
Result<std::unique_ptr<Hypervisor>> open_qemu(HypervisorOptions options);

// A host whose libvirt runs guests for this server. It reaches this server under `server`, over
// TCP: the guests' disks, network cards and consoles.
struct LibvirtHost {
  std::string name;  // kept with each guest that is there
  std::string uri;   // "qemu+ssh://root@host/system", any that libvirt knows
  std::string pool = "default";
  std::uint64_t memory_mib = 0;      // for all its guests together
  std::string accelerator = "auto";  // "kvm", "tcg"
};
bool is_elsewhere(const LibvirtHost& host);  // its URI names another host than this one
struct LibvirtOptions {
  HypervisorOptions common;
  std::string server = "127.0.0.1";  // numeric; this server's address, as all hosts see it
  std::vector<LibvirtHost> hosts;    // at least one, names differ
};
// A new guest goes to the host with most memory left, and stays there until it ends. While it
// exists there, what it writes is in volumes of that host's pool and no overlay is here, except
// those that were frozen. Its firmware variables are there too, and go with `end`.
Result<std::unique_ptr<Hypervisor>> open_libvirt(LibvirtOptions options);

// For those who bring a hypervisor of their own: makes the overlays and remembers the states that
// were asked for. Nothing runs, so every guest is ready at once and says nothing.
Result<std::unique_ptr<Hypervisor>> open_none(const std::string& folder);

// The supervisor's whole life, in a process of its own, which `start` began. Returns its exit
// status. `attach` is guest::Card::attach.
using AttachCard = std::function<Result<std::unique_ptr<guest::Card>>(
    os::Socket, guest::Facts, std::function<void(const guest::Report&)>)>;
int supervise(const std::string& folder, const AttachCard& attach);

}  // namespace pinaco::machine
