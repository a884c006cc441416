// Listening, the limit on connections, revoking and stopping. A connection negotiates in a thread
// of its own, which is detached, and then belongs to one of a few loops. It is counted all the
// time: stop() waits until the count is zero.
#include "nbd/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "nbd/loop.h"
#include "nbd/session.h"

namespace pinaco::nbd {
namespace {

constexpr std::size_t buffers_bytes_max = 256u << 20;  // shared out among the connections
constexpr std::size_t loops_max = 16;
constexpr std::size_t allowance_bytes_min = 64u << 10;  // one piece always fits

struct Connection {
  std::shared_ptr<Session> session;
  std::shared_ptr<Entry> entry = nullptr;  // nullptr while it negotiates
};

class ServerOnLoops final : public Server {
 public:
  ServerOnLoops(ServerOptions options, Limits limits, os::Listener listener,
                std::vector<std::unique_ptr<Loop>> loops)
      : options_(std::move(options)),
        limits_(limits),
        port_(listener.port()),
        listener_(std::move(listener)),
        common_(options_.lanes, options_.connections_max),
        loops_(std::move(loops)) {
    common_.write_stall = limits_.write_stall;
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~ServerOnLoops() override { stop(); }

  std::uint16_t port() const override { return port_; }

  void add(const std::string& name, Export export_) override {
    CHECK(export_.disk != nullptr && name.size() <= name_bytes_max);
    end_connections(common_.directory.put(name, std::move(export_)));
  }
  void revoke(const std::string& name) override { end_connections(common_.directory.remove(name)); }
  std::uint64_t bytes_read(const std::string& name) const override {
    const auto entry = common_.directory.find(name);
    return entry ? entry->bytes_sent.load() : 0;
  }

  void stop() override {
    std::lock_guard once(stopping_);
    if (!accepting_.joinable()) return;
    listener_->close();
    accepting_.join();
    listener_.reset();  // else who still waits to be accepted would wait for ever
    std::unique_lock lock(mutex_);
    for (auto& [id, connection] : connections_) connection.session->end();
    changed_.wait(lock, [this] { return connections_.empty(); });
    lock.unlock();
    common_.lanes.drain();
  }

 private:
  void accept_all() {
    while (true) {
      auto socket = listener_->accept();
      if (socket) {
        start(std::move(*socket));
      } else if (socket.error().kind == Kind::busy) {
        LOG(warning, "nbd", "{}", socket.error().message);
      } else {
        if (socket.error().kind != Kind::cancelled) {
          LOG(error, "nbd", "no longer listening: {}", socket.error().message);
        }
        return;
      }
    }
  }

  void start(os::Socket socket) {
    std::unique_lock lock(mutex_);
    if (!make_room(lock)) {
      // Once for each time it fills up: whoever knocks again and again must not fill the log too.
      if (!std::exchange(told_full_, true)) {
        LOG(warning, "nbd", "refusing connections: all {} are in use", options_.connections_max);
      }
      return;
    }
    const auto id = next_id_++;
    Loop& loop = *loops_[id % loops_.size()];
    auto session = std::make_shared<Session>(
        std::move(socket), common_,
        [&loop](const std::shared_ptr<Session>& woken) { loop.wake(woken); });
    connections_.emplace(id, Connection{.session = session});
    share_out();
    try {
      std::thread([this, id, &loop, session = std::move(session)]() mutable {
        if (open(id, *session)) return loop.add(std::move(session), [this, id] { forget(id); });
        session->end();
        session = nullptr;
        forget(id);
      }).detach();
    } catch (const std::system_error& error) {
      LOG(warning, "nbd", "refused a connection: {}", error.what());
      connections_.erase(id);
      share_out();
    }
  }

  void forget(std::uint64_t id) {
    std::lock_guard lock(mutex_);
    connections_.erase(id);
    if (connections_.size() < options_.connections_max / 2) told_full_ = false;
    share_out();
    // Under the lock: the server may be gone as soon as it is released.
    changed_.notify_all();
  }

  // When full, whoever has negotiated longest goes, so that half-open connections keep nobody out.
  bool make_room(std::unique_lock<std::mutex>& lock) {
    auto has_room = [this] { return connections_.size() < options_.connections_max; };
    if (has_room()) return true;
    const auto idle = std::find_if(connections_.begin(), connections_.end(),
                                   [](const auto& one) { return !one.second.entry; });
    if (idle == connections_.end()) return false;
    idle->second.session->end();
    return changed_.wait_for(lock, std::chrono::seconds(1), has_room);
  }

  void share_out() {
    const auto count = std::max<std::size_t>(connections_.size(), 1);
    common_.allowance_bytes = std::clamp<std::size_t>(buffers_bytes_max / count,
                                                      allowance_bytes_min, allowance_bytes_max);
  }

  // False when it is not to be served.
  bool open(std::uint64_t id, Session& session) {
    const auto peer = session.socket().peer();
    auto chosen = [this, id](const std::shared_ptr<Entry>& entry) {
      std::lock_guard lock(mutex_);
      connections_.at(id).entry = entry;
    };
    auto negotiated = negotiate(
        session.socket(), common_.directory,
        {.may_list = options_.list, .limit = limits_.handshake, .chosen = std::move(chosen)});
    if (!negotiated) {
      LOG(debug, "nbd", "{}: {}", peer, negotiated.error().message);
      return false;
    }
    // revoke() marks the entry before it looks for connections: one of the two sees the other.
    if (negotiated->entry->revoked) return false;
    const auto& may_open = negotiated->entry->export_.may_open;
    if (may_open && !may_open()) return false;
    session.begin(std::move(*negotiated));
    return true;
  }

  void end_connections(const std::shared_ptr<Entry>& entry) {
    if (!entry) return;
    std::lock_guard lock(mutex_);
    for (auto& [id, connection] : connections_) {
      if (connection.entry == entry) connection.session->end();
    }
  }

  const ServerOptions options_;
  const Limits limits_;
  const std::uint16_t port_;
  std::optional<os::Listener> listener_;
  Common common_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::mutex stopping_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Connection> connections_;  // by age
  std::uint64_t next_id_ = 0;
  bool told_full_ = false;
  std::thread accepting_;
};

}  // namespace

Result<std::unique_ptr<Server>> serve_within(ServerOptions options, Limits limits) {
  if (options.connections_max == 0 || options.lanes == 0) {
    return fail(Kind::invalid, "An NBD server needs at least one connection and one lane.");
  }
  auto listener = options.unix_path.empty() ? os::Listener::tcp(options.address, options.port)
                                            : os::Listener::unix_path(options.unix_path);
  if (!listener) return std::unexpected(std::move(listener.error()));
  std::vector<std::unique_ptr<Loop>> loops;
  const auto count = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, loops_max);
  while (loops.size() < count) loops.push_back(TRY(Loop::start()));
  return std::make_unique<ServerOnLoops>(std::move(options), limits, std::move(*listener),
                                         std::move(loops));
}

Result<std::unique_ptr<Server>> serve(ServerOptions options) {
  return serve_within(std::move(options), {});
}

}  // namespace pinaco::nbd
