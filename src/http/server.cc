// The server: one thread accepts, each connection has a thread of its own.
//
// A connection is *waiting* until the head of a request is here; then it is *working*; after the
// last reply it is *ending*, until the client has taken that reply. A full server cuts waiting and
// ending connections for others, stop() the waiting ones; claim() ends the waiting and tells
// whether we still may go on. So a request is either never begun or answered.
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "http/http.h"
#include "http/reply_writer.h"
#include "http/request_reader.h"
#include "http/wire.h"

namespace pinaco::http {
namespace {

constexpr std::uint64_t body_bytes_max_default = 4 << 20;
constexpr Milliseconds linger = Seconds(2);
// A waiting connection younger than this is not cut when the server is full: its request may be
// under way. Also how often a full server looks.
constexpr Milliseconds waiting_min = Milliseconds(200);

enum class Phase { waiting, working, ending };

struct Connection {
  Connection(os::Socket socket, SSL_CTX* context)
      : peer(socket.peer()),
        owned_wire(std::make_unique<Wire>(std::move(socket), context)),
        wire(*owned_wire) {}
  const std::string peer;
  std::unique_ptr<Wire> owned_wire;
  Wire& wire;
  std::thread thread = {};
  Phase phase = Phase::waiting;  // this and the next two under the server's mutex
  bool cut = false;
  SteadyTime since = system_clock().steady();  // of the phase
};

std::string_view code_of(int status) {
  switch (status) {
    case 400:
      return "BadRequest";
    case 408:
      return "RequestTimeout";
    case 413:
      return "RequestEntityTooLarge";
    case 417:
      return "ExpectationFailed";
    case 431:
      return "RequestHeaderFieldsTooLarge";
    case 505:
      return "HttpVersionNotSupported";
    default:
      return "InternalServerError";
  }
}

Reply error_reply(int status, std::string_view message) {
  Reply reply{.status = status};
  reply.headers.add("Content-Type", "application/json; charset=utf-8");
  // Our own words: nothing in them needs escaping in JSON.
  reply.body =
      fmt::format(R"({{"error":{{"code":"{}","message":"{}"}}}})", code_of(status), message);
  return reply;
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, Handler handler, os::Listener listener, TlsContext context)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        listener_(std::move(listener)),
        context_(std::move(context)) {
    accepting_ = std::thread([this] { accept_connections(); });
  }
  ~ServerImpl() override { stop(Milliseconds(0)); }

  std::uint16_t port() const override { return listener_.port(); }
  void stop(Milliseconds grace) override;
  ServerCounts counts() const override;

 private:
  using Place = std::list<Connection>::iterator;

  void accept_connections();
  bool wait_for_room();
  void cut_longest_waiting();  // with the mutex held
  void start(os::Socket socket);
  void run(Place place);
  void serve(Connection& connection);
  bool serve_one(Connection& connection, RequestReader& reader);
  bool answer(Connection& connection, const RequestReader& reader, Request& request);
  void refuse(Connection& connection, const Refusal& refusal);
  void begin_waiting(Connection& connection);
  bool claim(Connection& connection);
  void end(Connection& connection, Milliseconds time);
  Reply call_handler(Request& request);

  const ServerOptions options_;
  const Handler handler_;
  const os::Listener listener_;
  const TlsContext context_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Connection> connections_;
  std::list<Connection> finished_;  // whose threads need joining
  ServerCounts counts_;
  bool stopping_ = false;
  std::mutex stop_mutex_;  // one stop at a time
  std::thread accepting_;
};

// --- accepting ---------------------------------------------------------------------------------

void ServerImpl::accept_connections() {
  while (wait_for_room()) {
    auto socket = listener_.accept();
    if (socket) {
      start(std::move(*socket));
    } else if (socket.error().kind == Kind::busy) {
      LOG(warning, "http", "cannot take a connection: {}", socket.error().message);
      const std::lock_guard lock(mutex_);
      cut_longest_waiting();
    } else {
      if (socket.error().kind != Kind::cancelled) {
        LOG(error, "http", "no connections are taken any more: {}", socket.error().message);
      }
      return;
    }
  }
}

// False when the server stops.
bool ServerImpl::wait_for_room() {
  std::unique_lock lock(mutex_);
  while (!stopping_ && connections_.size() >= options_.connections_max) {
    cut_longest_waiting();
    changed_.wait_for(lock, waiting_min);
  }
  return !stopping_;
}

void ServerImpl::cut_longest_waiting() {
  Connection* longest = nullptr;
  for (auto& one : connections_) {
    if (one.phase == Phase::working || one.cut) continue;
    if (longest == nullptr || one.since < longest->since) longest = &one;
  }
  if (longest == nullptr || system_clock().steady() - longest->since < waiting_min) return;
  longest->cut = true;
  longest->wire.cut();
}

void ServerImpl::start(os::Socket socket) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  const auto place = connections_.emplace(connections_.end(), std::move(socket), context_.get());
  ++counts_.connections;
  try {
    place->thread = std::thread([this, place] { run(place); });
  } catch (const std::system_error& error) {
    LOG(error, "http", "cannot start a thread for a connection: {}", error.what());
    connections_.erase(place);
  }
}

// --- one connection ----------------------------------------------------------------------------

void ServerImpl::run(Place place) {
  try {
    serve(*place);
  } catch (const std::exception& error) {  // out of memory: this connection's loss only
    LOG(error, "http", "a connection of {} failed: {}", place->peer, error.what());
  }
  place->wire.cut();
  std::list<Connection> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
    finished_.splice(finished_.end(), connections_, place);
    changed_.notify_all();
  }
  // Nobody touches a finished connection before its thread is joined.
  place->owned_wire.reset();
  for (auto& one : finished) one.thread.join();
}

void ServerImpl::serve(Connection& connection) {
  if (auto done = connection.wire.handshake(system_clock().steady() + options_.head_timeout);
      !done) {
    LOG(debug, "http", "{}: {}", connection.peer, done.error().message);
    return;
  }
  RequestReader reader(connection.wire);
  while (serve_one(connection, reader)) begin_waiting(connection);
}

// True when another request may follow.
bool ServerImpl::serve_one(Connection& connection, RequestReader& reader) {
  if (!reader.wait(system_clock().steady() + options_.idle_timeout)) {
    if (claim(connection)) end(connection, Milliseconds(0));
    return false;
  }
  auto request = reader.read_head(system_clock().steady() + options_.head_timeout);
  if (!claim(connection)) return false;
  if (!request) {
    refuse(connection, request.error());
    return false;
  }
  request->peer = connection.peer;
  const auto bytes_max =
      options_.body_bytes_max ? options_.body_bytes_max(*request) : body_bytes_max_default;
  const auto say_continue = [&] {
    return connection.wire.write_all(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"),
                                     options_.stall_timeout);
  };
  if (auto read = reader.read_body(*request, bytes_max, options_.stall_timeout, say_continue);
      !read) {
    refuse(connection, read.error());
    return false;
  }
  return answer(connection, reader, *request);
}

bool ServerImpl::answer(Connection& connection, const RequestReader& reader, Request& request) {
  const bool head_only = request.method == "HEAD";
  const Reply reply = call_handler(request);
  bool last = !reader.keeps_alive() || iequals(trim(reply.headers.get("Connection")), "close");
  {
    const std::lock_guard lock(mutex_);
    last = last || stopping_;
  }
  const ReplyOptions how = {
      .head_only = head_only, .close = last, .stall_timeout = options_.stall_timeout};
  if (auto written = write_reply(connection.wire, reply, how); !written) {
    LOG(info, "http", "{}: a reply was cut: {}", request.peer, written.error().message);
    return false;
  }
  if (last) end(connection, linger);
  return !last;
}

void ServerImpl::refuse(Connection& connection, const Refusal& refusal) {
  LOG(debug, "http", "{}: refused with {}: {}", connection.peer, refusal.status, refusal.message);
  if (refusal.status == 0) return;
  {
    const std::lock_guard lock(mutex_);
    ++counts_.refused;
  }
  const ReplyOptions how = {.close = true, .stall_timeout = options_.stall_timeout};
  if (!write_reply(connection.wire, error_reply(refusal.status, refusal.message), how)) return;
  end(connection, linger);
}

Reply ServerImpl::call_handler(Request& request) {
  {
    const std::lock_guard lock(mutex_);
    ++counts_.requests;
  }
  try {
    return handler_(request);
  } catch (const std::exception& error) {
    LOG(error, "http", "the handler of {} {} failed: {}", request.method,
        request.target.substr(0, request.target.find('?')), error.what());
  }
  Reply reply = error_reply(500, "The server failed at this request; its log says why.");
  reply.headers.add("Connection", "close");
  return reply;
}

void ServerImpl::begin_waiting(Connection& connection) {
  const std::lock_guard lock(mutex_);
  connection.phase = Phase::waiting;
  connection.since = system_clock().steady();
  if (stopping_) {
    connection.cut = true;
    connection.wire.cut();
  }
}

bool ServerImpl::claim(Connection& connection) {
  const std::lock_guard lock(mutex_);
  connection.phase = Phase::working;
  return !connection.cut;
}

void ServerImpl::end(Connection& connection, Milliseconds time) {
  {
    const std::lock_guard lock(mutex_);
    connection.phase = Phase::ending;
    connection.since = system_clock().steady();
  }
  connection.wire.close_gently(time);
}

// --- the end -----------------------------------------------------------------------------------

void ServerImpl::stop(Milliseconds grace) {
  const std::lock_guard once(stop_mutex_);
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  for (auto& one : connections_) {
    if (one.phase != Phase::waiting) continue;
    one.cut = true;
    one.wire.cut();
  }
  lock.unlock();
  listener_.close();
  if (accepting_.joinable()) accepting_.join();
  lock.lock();
  if (!changed_.wait_for(lock, grace, [&] { return connections_.empty(); })) {
    std::size_t working = 0;
    for (auto& one : connections_) {
      if (one.phase == Phase::working) ++working;
      one.cut = true;
      one.wire.cut();
    }
    if (working > 0) LOG(warning, "http", "the end of the grace time cut {} requests", working);
  }
  changed_.wait(lock, [&] { return connections_.empty(); });
  std::list<Connection> finished;
  finished.swap(finished_);
  lock.unlock();
  for (auto& one : finished) one.thread.join();
}

ServerCounts ServerImpl::counts() const {
  const std::lock_guard lock(mutex_);
  ServerCounts counts = counts_;
  counts.open = connections_.size();
  return counts;
}

}  // namespace

Result<std::unique_ptr<Server>> serve(ServerOptions options, Handler handler) {
  TlsContext context;
  if (!options.certificate_file.empty()) {
    context = TRY(make_tls_context(options.certificate_file, options.key_file));
  }
  if (options.connections_max == 0) {
    return fail(Kind::invalid, "A server needs room for at least one connection.");
  }
  auto listener = options.unix_path.empty() ? TRY(os::Listener::tcp(options.address, options.port))
                      : TRY(os::Listener::unix_path(options.unix_path));
                      return std::make_unique<ServerImpl>(std::move(options), std::move(handler),
                                                          std::move(listener), std::move(context));
}

}  // namespace pinaco::http
