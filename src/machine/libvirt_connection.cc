#include "machine/libvirt_connection.h"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "machine/libvirt_transfer.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds connect_within = std::chrono::seconds(10);
constexpr Milliseconds rest_after_failure = std::chrono::seconds(10);
constexpr int keepalive_seconds = 5;
constexpr unsigned keepalive_count = 3;

// libvirt's own loop sends keepalives and notices what is lost; it runs as long as the program.
void run_events_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // else it writes to our standard error
    if (virEventRegisterDefaultImpl() < 0) {
      LOG(error, "machine", "libvirt has no event loop: a host that is lost is noticed late");
      return;
    }
    // Without a timer a loop that has nothing to watch yet would not see what is added.
    (void)virEventAddTimeout(1000, [](int, void*) {}, nullptr, nullptr);
    std::thread([] {
      while (virEventRunDefaultImpl() == 0) {
      }
    }).detach();
  });
}

// Names of disks are secrets, and QEMU's words repeat its arguments.
std::string without_secrets(std::string_view words) {
  constexpr std::size_t secret_digits = 32;
  std::string text;
  for (std::size_t at = 0; at < words.size();) {
    const auto digits = words.substr(at, words.find_first_not_of("0123456789abcdef", at) - at);
    text += digits.size() >= secret_digits
                ? std::string_view("…")
                : words.substr(at, std::max<std::size_t>(digits.size(), 1));
    at += std::max<std::size_t>(digits.size(), 1);
  }
  return text;
}

std::string last_words() {
  const auto* error = virGetLastError();
  return error != nullptr && error->message != nullptr ? without_secrets(trim(error->message))
                                                       : "it does not say why";
}

Kind last_kind() {
  switch (virGetLastErrorCode()) {
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_NO_STORAGE_POOL:
    case VIR_ERR_NO_STORAGE_VOL:
      return Kind::not_found;
    case VIR_ERR_OPERATION_INVALID:
    case VIR_ERR_OPERATION_UNSUPPORTED:
    case VIR_ERR_CONFIG_UNSUPPORTED:
    case VIR_ERR_XML_ERROR:
    case VIR_ERR_OPERATION_DENIED:
    case VIR_ERR_NO_SUPPORT:
      return Kind::conflict;
    default:
      return Kind::unavailable;
  }
}

std::shared_ptr<virStream> new_stream(const LibvirtHandle& link) {
  return {virStreamNew(link.get(), 0), [](virStreamPtr stream) {
            if (stream != nullptr) virStreamFree(stream);
          }};
}

}  // namespace

// An attempt to connect may hang for minutes, so it has a thread of its own, which may outlive
// whoever waited for it.
struct LibvirtConnection::Attempt {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  LibvirtHandle link = nullptr;
  Kind kind = Kind::unavailable;
  std::string words = {};

  static void run(const std::shared_ptr<Attempt>& attempt, const std::string& uri,
                  const std::shared_ptr<Events>& events) {
    auto* opened = virConnectOpen(uri.c_str());  // asks nobody for passwords
    const auto words = opened == nullptr ? last_words() : std::string();
    const std::lock_guard lock(attempt->mutex);
    attempt->done = true;
    attempt->words = words;
    if (opened != nullptr) {
      (void)virConnectSetKeepAlive(opened, keepalive_seconds, keepalive_count);
      // Each listener holds the connection, which would never close.
      attempt->link = {opened, [listeners = listen(opened, events)](virConnectPtr link) {
                         for (const int each : listeners) {
                           (void)virConnectDomainEventDeregisterAny(link, each);
                         }
                         virConnectClose(link);
                       }};
    }
    attempt->changed.notify_all();
  }
};

std::unexpected<Error> LibvirtConnection::refused(std::string_view doing) const {
  const auto kind = last_kind();
  if (kind == Kind::not_found) {
    return fail(kind,
                fmt::format("The libvirt host '{}' failed at {}: it is not there.", host_, doing));
  }
  LOG(warning, "machine", "the libvirt host '{}' failed at {}: {}", host_, doing, last_words());
  return fail(kind, fmt::format("The libvirt host '{}' failed at {}. The server's log has its own "
                                "words; whoever runs the server finds them there.",
                                host_, doing));
}

Result<LibvirtHandle> LibvirtConnection::open() {
  run_events_once();
  std::unique_lock lock(mutex_);
  if (link_ != nullptr) {
    if (virConnectIsAlive(link_.get()) == 1) return link_;
    link_ = nullptr;
  }
  if (failure_ && system_clock().steady() - failed_at_ < rest_after_failure) {
    return std::unexpected(*failure_);
  }
  failure_.reset();
  if (attempt_ == nullptr) {
    attempt_ = std::make_shared<Attempt>();
    std::thread(Attempt::run, attempt_, uri_, events_).detach();
  }
  // Held meanwhile: who comes now waits for the same attempt.
  const auto attempt = attempt_;
  std::unique_lock result(attempt->mutex);
  const bool ended =
      attempt->changed.wait_for(result, connect_within, [&] { return attempt->done; });
  if (ended) attempt_ = nullptr;
  if (ended && attempt->link != nullptr) {
    link_ = attempt->link;
    return link_;
  }
  LOG(warning, "machine", "the libvirt host '{}' ({}) cannot be reached: {}", host_, uri_,
      ended ? attempt->words : fmt::format("no answer within {} s", connect_within.count() / 1000));
  failure_ = Error{.kind = Kind::unavailable,
                   .message = fmt::format("The libvirt host '{}' cannot be reached, and its guests "
                                          "wait for it. The server's log says why; see whether "
                                          "`virsh -c URI version` works on the server, with the "
                                          "uri of the configuration.",
                                          host_)};
  failed_at_ = system_clock().steady();
  return std::unexpected(*failure_);
}

void LibvirtConnection::tell(void* with) {
  auto& events = **static_cast<std::shared_ptr<Events>*>(with);
  const std::lock_guard lock(events.mutex);
  ++events.count;
  events.changed.notify_all();
}

// Only makes waits shorter, so that nothing depends on it.
std::vector<int> LibvirtConnection::listen(virConnectPtr link,
                                           const std::shared_ptr<Events>& about) {
  std::vector<int> listeners;
  const virConnectDomainEventCallback on_change = [](virConnectPtr, virDomainPtr, int, int,
                                                     void* with) {
    tell(with);
    return 0;
  };
  const virConnectDomainEventDeviceRemovedCallback on_removal =
      [](virConnectPtr, virDomainPtr, const char*, void* with) { tell(with); };
  const std::pair<int, virConnectDomainEventGenericCallback> wanted[] = {
      {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_change)},
      {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_removal)}};
  for (const auto& [event, callback] : wanted) {
    auto* with = new std::shared_ptr<Events>(about);
    const auto let_go = [](void* mine) { delete static_cast<std::shared_ptr<Events>*>(mine); };
    const int listener =
        virConnectDomainEventRegisterAny(link, nullptr, event, callback, with, let_go);
    if (listener < 0) {
      let_go(with);
    } else {
      listeners.push_back(listener);
    }
  }
  return listeners;
}

void LibvirtConnection::wait_for_event(Milliseconds at_most) const {
  std::unique_lock lock(events_->mutex);
  const auto before = events_->count;
  events_->changed.wait_for(lock, at_most, [&] { return events_->count != before; });
}

Result<PoolHandle> LibvirtConnection::find_pool(const LibvirtHandle& link) const {
  PoolHandle pool(virStoragePoolLookupByName(link.get(), pool_.c_str()), [](virStoragePoolPtr it) {
    if (it != nullptr) virStoragePoolFree(it);
  });
  if (pool == nullptr && virGetLastErrorCode() != VIR_ERR_NO_STORAGE_POOL) {
    return refused(fmt::format("looking for the storage pool '{}'", pool_));
  }
  if (pool == nullptr) {
    return fail(Kind::unavailable,
                fmt::format("The libvirt host '{}' has no storage pool '{}'. Make it there: "
                            "virsh pool-define-as {} dir --target FOLDER, pool-start, "
                            "pool-autostart; or name another in the configuration.",
                            host_, pool_, pool_));
  }
  if (virStoragePoolIsActive(pool.get()) == 0 && virStoragePoolCreate(pool.get(), 0) < 0) {
    return refused(fmt::format("starting the storage pool '{}'", pool_));
  }
  return pool;
}

Result<VolumeHandle> LibvirtConnection::get_volume(const LibvirtHandle& link,
                                                   const std::string& name) const {
  const auto pool = TRY(find_pool(link));
  VolumeHandle volume(virStorageVolLookupByName(pool.get(), name.c_str()), [](virStorageVolPtr it) {
    if (it != nullptr) virStorageVolFree(it);
  });
  if (volume == nullptr) return refused(fmt::format("looking for the volume {}", name));
  return volume;
}

Result<std::optional<std::string>> LibvirtConnection::find_volume(const std::string& name) {
  const auto link = TRY(open());
  const auto volume = get_volume(link, name);
  if (!volume && volume.error().kind == Kind::not_found) return std::nullopt;
  const std::unique_ptr<char, decltype(&std::free)> path(virStorageVolGetPath(TRY(volume).get()),
                                                         &std::free);
  if (!path) return refused(fmt::format("looking for the path of the volume {}", name));
  return std::string(path.get());
}

Result<std::string> LibvirtConnection::upload(const std::string& name,
                                              const std::string& from_path) {
  TRY(erase_volume(name));
  const auto link = TRY(open());
  const auto pool = TRY(find_pool(link));
  Transfer transfer {
    .file = TRY(os::File::open_read(from_path))
    , .stopped = stopped_
  };
  transfer.size = TRY(transfer.file.size_bytes());
  transfer.spans = TRY(transfer.file.spans(0, transfer.size));
  // Raw bytes for the pool, whatever is in them: it must not look for a backing file there.
  const auto xml = fmt::format(
      "<volume><name>{}</name><capacity unit='bytes'>{}</capacity><allocation>0</allocation>"
      "<target><format type='raw'/><permissions><mode>0600</mode></permissions></target></volume>",
      name, transfer.size);
  const VolumeHandle volume(virStorageVolCreateXML(pool.get(), xml.c_str(), 0),
                            [](virStorageVolPtr it) {
                              if (it != nullptr) virStorageVolFree(it);
                            });
  if (volume == nullptr) return refused(fmt::format("making the volume {}", name));
  const auto doing = fmt::format("sending the volume {}", name);
  const auto stream = new_stream(link);
  const auto sent = [&]() -> Result<> {
    if (stream == nullptr ||
        virStorageVolUpload(volume.get(), stream.get(), 0, 0,
                            VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM) < 0 ||
        virStreamSparseSendAll(stream.get(), send_some, tell_section, skip_section, &transfer) <
            0 ||
        virStreamFinish(stream.get()) < 0) {
      if (transfer.error) return fail(*transfer.error);
      return refused(doing);
    }
    return {};
  }();
  if (!sent) {
    (void)virStorageVolDelete(volume.get(), 0);
    return std::unexpected(sent.error());
  }
  const auto path = TRY(find_volume(name));
  if (!path) return fail(Kind::unavailable, fmt::format("The volume {} is gone again.", name));
  return *path;
}

Result<bool> LibvirtConnection::has_bytes_of(const std::string& name, const std::string& path) {
  const auto link = TRY(open());
  const auto volume = TRY(get_volume(link, name));
  Transfer transfer {
    .file = TRY(os::File::open_read(path))
    , .stopped = stopped_
  };
  transfer.size = TRY(transfer.file.size_bytes());
  const auto stream = new_stream(link);
  if (stream != nullptr &&
      virStorageVolDownload(volume.get(), stream.get(), 0, 0,
                            VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM) >= 0 &&
      virStreamSparseRecvAll(stream.get(), compare_some, compare_hole, &transfer) >= 0 &&
      virStreamFinish(stream.get()) >= 0) {
    return transfer.offset == transfer.size;
  }
  if (transfer.differs) return false;
  if (transfer.error) return fail(*transfer.error);
  return refused(fmt::format("reading the volume {} back", name));
}

Result<> LibvirtConnection::download(const std::string& name, const std::string& to_path,
                                     std::uint64_t bytes_max) {
  const auto link = TRY(open());
  const auto volume = TRY(get_volume(link, name));
  const auto part = to_path + ".part";
  TRY(os::remove_file(part));
  Transfer transfer {
    .file = TRY(os::File::create(part))
    , .stopped = stopped_
  };
  transfer.size = bytes_max;
  const auto stream = new_stream(link);
  if (stream == nullptr ||
      virStorageVolDownload(volume.get(), stream.get(), 0, 0,
                            VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM) < 0 ||
      virStreamSparseRecvAll(stream.get(), take_some, take_hole, &transfer) < 0 ||
      virStreamFinish(stream.get()) < 0) {
    const auto error = transfer.error ? fail(*transfer.error)
                                      : refused(fmt::format("fetching the volume {}", name));
    (void)os::remove_file(part);
    return error;
  }
  TRY(transfer.file.sync());
  return os::rename_durably(part, to_path);
}

Result<> LibvirtConnection::erase_volume(const std::string& name) {
  const auto link = TRY(open());
  const auto volume = get_volume(link, name);
  if (!volume && volume.error().kind == Kind::not_found) return {};
  if (virStorageVolDelete(TRY(volume).get(), 0) < 0) {
    return refused(fmt::format("deleting the volume {}", name));
  }
  return {};
}

}  // namespace pinaco::machine
