#include "machine/libvirt.h"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include "machine/libvirt_connection.h"

namespace pinaco::machine {
namespace {

// Each kind of object with what lets it go.
struct LetGo {
  void operator()(virDomainPtr domain) const { virDomainFree(domain); }
  void operator()(virDomainSnapshotPtr snapshot) const { virDomainSnapshotFree(snapshot); }
  void operator()(virStreamPtr stream) const { virStreamFree(stream); }
};
using DomainHandle = std::unique_ptr<virDomain, LetGo>;
using SnapshotHandle = std::unique_ptr<virDomainSnapshot, LetGo>;
using StreamHandle = std::unique_ptr<virStream, LetGo>;

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};
using Text = std::unique_ptr<char, Freed>;

constexpr std::size_t picture_bytes_max = 64 << 20;
constexpr unsigned running_only = VIR_DOMAIN_AFFECT_LIVE;

std::string disk_trouble(virDomainPtr domain) {
  virDomainDiskError errors[64];
  const int count = virDomainGetDiskErrors(domain, errors, 64, 0);
  std::string text = "the guest's disk failed";
  for (int i = 0; i < count; ++i) {
    text += fmt::format("{} {}: {}", i == 0 ? ":" : ",", errors[i].disk,
                        errors[i].error == VIR_DOMAIN_DISK_ERROR_NO_SPACE
                            ? "no room left on the host"
                            : "it could not be read or written");
    std::free(errors[i].disk);
  }
  return text;
}

}  // namespace

// A domain that must be there, and what is done with it.
class Libvirt::Connection : public LibvirtConnection {
 public:
  using LibvirtConnection::LibvirtConnection;

  Result<DomainHandle> find(const LibvirtHandle& link, const std::string& id) const {
    DomainHandle domain(virDomainLookupByUUIDString(link.get(), id.c_str()));
    if (!domain) return refused(fmt::format("looking for the guest {}", id));
    return domain;
  }
  template <typename Call>
  Result<> with(const std::string& id, std::string_view doing, const Call& call) {
    const auto link = TRY(open());
    const auto domain = TRY(find(link, id));
    if (call(domain.get()) < 0) return refused(fmt::format("{} the guest {}", doing, id));
    return {};
  }
};

Libvirt::Libvirt(std::string host, std::string uri, std::string pool, std::function<bool()> stopped)
    : connection_(std::make_unique<Connection>(std::move(host), std::move(uri), std::move(pool),
                                               std::move(stopped))) {}
Libvirt::Libvirt() = default;
Libvirt::~Libvirt() = default;

Result<> Libvirt::connect() {
  const auto link = TRY(connection_->open());
  TRY(connection_->find_pool(link));
  return {};
}

Result<bool> Libvirt::has_kvm() {
  const auto link = TRY(connection_->open());
  const Text found(
      virConnectGetDomainCapabilities(link.get(), nullptr, "x86_64", nullptr, "kvm", 0));
  return found != nullptr;
}

Result<Domain> Libvirt::domain(const std::string& id) {
  const auto link = TRY(connection_->open());
  auto found = connection_->find(link, id);
  if (!found && found.error().kind == Kind::not_found) return Domain();
  const auto handle = TRY(found);
  int state = 0;
  int reason = 0;
  if (virDomainGetState(handle.get(), &state, &reason, 0) < 0) {
    return connection_->refused(fmt::format("asking for the guest {}", id));
  }
  switch (state) {
    case VIR_DOMAIN_SHUTOFF:
      if (reason == VIR_DOMAIN_SHUTOFF_CRASHED || reason == VIR_DOMAIN_SHUTOFF_FAILED ||
          reason == VIR_DOMAIN_SHUTOFF_DAEMON) {
        return Domain{.is = Domain::Is::off, .trouble = "its QEMU ended on the host"};
      }
      return Domain{.is = Domain::Is::off};
    case VIR_DOMAIN_CRASHED:
      return Domain{.is = Domain::Is::broken, .trouble = "the guest panicked"};
    case VIR_DOMAIN_PAUSED:
      if (reason == VIR_DOMAIN_PAUSED_IOERROR) {
        return Domain{.is = Domain::Is::broken,
                      .waits_for_disk = true,
                      .trouble = disk_trouble(handle.get())};
      }
      if (reason == VIR_DOMAIN_PAUSED_CRASHED) {
        return Domain{.is = Domain::Is::broken, .trouble = "the guest panicked"};
      }
      return Domain{.is = Domain::Is::running};
    default:
      return Domain{.is = Domain::Is::running};
  }
}

void Libvirt::wait_for_event(Milliseconds at_most) {
  connection_->wait_for_event(at_most);
}

Result<> Libvirt::define(const std::string& xml) {
  const auto link = TRY(connection_->open());
  const DomainHandle made(virDomainDefineXML(link.get(), xml.c_str()));
  if (!made) return connection_->refused("defining a guest");
  return {};
}

Result<> Libvirt::undefine(const std::string& id) {
  const auto done = connection_->with(id, "removing", [](virDomainPtr domain) {
    // Drivers without firmware know no such flag.
    const int removed = virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_NVRAM);
    return removed < 0 && virGetLastErrorCode() == VIR_ERR_INVALID_ARG ? virDomainUndefine(domain)
                                                                       : removed;
  });
  if (!done && done.error().kind == Kind::not_found) return {};
  return done;
}

Result<> Libvirt::power_on(const std::string& id) {
  return connection_->with(id, "powering on", [](virDomainPtr domain) {
    return virDomainIsActive(domain) == 1 ? 0 : virDomainCreate(domain);
  });
}

Result<> Libvirt::power_off(const std::string& id) {
  const auto done = connection_->with(id, "powering off", [](virDomainPtr domain) {
    return virDomainIsActive(domain) == 0 ? 0 : virDomainDestroy(domain);
  });
  if (!done && done.error().kind == Kind::not_found) return {};
  return done;
}

Result<> Libvirt::press_power_button(const std::string& id) {
  return connection_->with(id, "pressing the power button of", [](virDomainPtr domain) {
    return virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
  });
}

Result<> Libvirt::reset(const std::string& id) {
  return connection_->with(id, "resetting",
                           [](virDomainPtr domain) { return virDomainReset(domain, 0); });
}

Result<> Libvirt::resume(const std::string& id) {
  return connection_->with(id, "resuming",
                           [](virDomainPtr domain) { return virDomainResume(domain); });
}

Result<std::string> Libvirt::live_xml(const std::string& id) {
  std::string xml;
  TRY(connection_->with(id, "reading the description of", [&](virDomainPtr domain) {
    const Text text(virDomainGetXMLDesc(domain, 0));
    if (!text) return -1;
    xml = text.get();
    return 0;
  }));
  return xml;
}

Result<> Libvirt::plug(const std::string& id, const std::string& device_xml) {
  return connection_->with(id, "attaching to", [&](virDomainPtr domain) {
    return virDomainAttachDeviceFlags(domain, device_xml.c_str(), running_only);
  });
}

Result<> Libvirt::unplug(const std::string& id, const std::string& device_xml) {
  return connection_->with(id, "detaching from", [&](virDomainPtr domain) {
    return virDomainDetachDeviceFlags(domain, device_xml.c_str(), running_only);
  });
}

Result<> Libvirt::exchange(const std::string& id, const std::string& device_xml) {
  return connection_->with(id, "exchanging the disc of", [&](virDomainPtr domain) {
    return virDomainUpdateDeviceFlags(domain, device_xml.c_str(),
                                      running_only | VIR_DOMAIN_DEVICE_MODIFY_FORCE);
  });
}

Result<> Libvirt::snapshot(const std::string& id, const std::string& snapshot_xml) {
  return connection_->with(id, "freezing a disk of", [&](virDomainPtr domain) {
    constexpr unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY |
                               VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA |
                               VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT;
    const SnapshotHandle made(virDomainSnapshotCreateXML(domain, snapshot_xml.c_str(), flags));
    return made ? 0 : -1;
  });
}

Result<Bytes> Libvirt::screenshot(const std::string& id) {
  const auto link = TRY(connection_->open());
  const auto domain = TRY(connection_->find(link, id));
  const StreamHandle stream(virStreamNew(link.get(), 0));
  const auto doing = fmt::format("taking a picture of the guest {}", id);
  if (!stream) return connection_->refused(doing);
  const Text type(virDomainScreenshot(domain.get(), stream.get(), 0, 0));
  if (!type) return connection_->refused(doing);
  Bytes picture;
  const auto take = [](virStreamPtr, const char* data, std::size_t size, void* into) {
    auto& bytes = *static_cast<Bytes*>(into);
    if (bytes.size() + size > picture_bytes_max) return -1;
    append(bytes, as_bytes(std::string_view(data, size)));
    return static_cast<int>(size);
  };
  if (virStreamRecvAll(stream.get(), take, &picture) < 0) return connection_->refused(doing);
  if (virStreamFinish(stream.get()) < 0) return connection_->refused(doing);
  return picture;
}

Result<std::optional<std::string>> Libvirt::find_volume(const std::string& name) {
  return connection_->find_volume(name);
}
Result<std::string> Libvirt::upload(const std::string& name, const std::string& from_path) {
  return connection_->upload(name, from_path);
}
Result<bool> Libvirt::has_bytes_of(const std::string& name, const std::string& path) {
  return connection_->has_bytes_of(name, path);
}
Result<> Libvirt::download(const std::string& name, const std::string& to_path,
                           std::uint64_t bytes_max) {
  return connection_->download(name, to_path, bytes_max);
}
Result<> Libvirt::erase_volume(const std::string& name) {
  return connection_->erase_volume(name);
}

}  // namespace pinaco::machine
