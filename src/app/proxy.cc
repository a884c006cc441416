// One thread a tunnel carries its bytes in both directions: TLS over HTTP/1.1 says one thing at a
// time, and where both sides do talk at once, a write that finds no room ends after its time.
#include "app/proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "app/clouds.h"
#include "base/log.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::size_t head_bytes_max = 8 << 10;
constexpr std::size_t buffer_bytes = 64 << 10;
constexpr Milliseconds connect_timeout = Seconds(5);
constexpr Milliseconds stall_timeout = Seconds(30);  // in which one buffer must be taken
constexpr Milliseconds linger = Seconds(2);
constexpr std::string_view end_of_head = "\r\n\r\n";

std::string_view phrase_of(int status) {
  switch (status) {
    case 200:
      return "Connection established";
    case 403:
      return "Forbidden";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

std::string message_of(const ProxyAnswer& answer) {
  if (answer.status == 200) return "HTTP/1.1 200 Connection established\r\n\r\n";
  return fmt::format(
      "HTTP/1.1 {} {}\r\n{}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}\n",
      answer.status, phrase_of(answer.status), answer.status == 405 ? "Allow: CONNECT\r\n" : "",
      answer.text.size() + 1, answer.text);
}

bool is_method(std::string_view word) {
  return !word.empty() && word.size() <= 32 &&
         std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

ProxyAnswer malformed() {
  return {.status = 400,
          .text =
              "This is Pinaco's proxy. It understands HTTP's CONNECT HOST:443, and nothing was "
              "asked that way. Set it as HTTPS_PROXY=http://…, with http."};
}

// The whole head, or what to answer instead.
struct Head {
  std::string text;
  int status = 0;
};

Head read_head(const os::Socket& client, Milliseconds timeout) {
  Head head;
  const auto end = system_clock().steady() + timeout;
  std::array<std::uint8_t, 2048> bytes;
  while (head.text.find(end_of_head) == head.text.npos) {
    if (head.text.size() > head_bytes_max) return {.text = {}, .status = 431};
    // Neither TLS nor other protocols begin so; their clients need not wait for an end.
    if (!head.text.empty() && (head.text[0] < 'A' || head.text[0] > 'Z')) {
      return {.text = {}, .status = 400};
    }
    const auto left = std::chrono::ceil<Milliseconds>(end - system_clock().steady());
    if (left.count() <= 0) return {.text = {}, .status = 408};
    const auto got = client.read_some(bytes, left);
    if (!got) return {.text = {}, .status = system_clock().steady() >= end ? 408 : -1};
    if (*got == 0) return {.text = {}, .status = -1};
    head.text += as_text(ByteView(bytes).first(*got));
  }
  return head;
}

// After the last answer: closing over bytes that nobody read would take it away from the client.
void drop_the_rest(const os::Socket& client) {
  const auto end = system_clock().steady() + linger;
  std::array<std::uint8_t, 2048> bytes;
  while (system_clock().steady() < end) {
    const auto left = std::chrono::ceil<Milliseconds>(end - system_clock().steady());
    const auto got = client.read_some(bytes, std::max(left, Milliseconds(0)));
    if (!got || *got == 0) return;
  }
}

}  // namespace

ProxyAnswer answer_connect(std::string_view head, std::span<const std::string> hosts) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto words = split(line, ' ');
  if (words.size() != 3 || !is_method(words[0]) ||
      (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0")) {
    return malformed();
  }
  if (words[0] != "CONNECT") {
    return {.status = 405,
            .text = fmt::format("This proxy takes no {}, only CONNECT: it makes tunnels for https, "
                                "and is not for http addresses.",
                                words[0])};
  }
  const auto colon = words[1].rfind(':');
  const auto host = words[1].substr(0, colon);
  const auto port =
      colon == words[1].npos ? std::nullopt : parse_int(words[1].substr(colon + 1), 1, 65535);
  if (!port || !is_host(host)) return malformed();
  if (!is_host_of(host, hosts) || *port != 443) {
    return {.status = 403,
            .text = fmt::format("This proxy leads to this Pinaco only, under the names of its "
                                "configuration and port 443; '{}' is not one of them. List it in "
                                "hosts of [proxy], or keep it off the proxy with NO_PROXY.",
                                words[1])};
  }
  if (head.size() != head.find(end_of_head) + end_of_head.size()) {
    return {.status = 400, .text = "A client of a proxy waits for its answer before it goes on."};
  }
  return {.status = 200, .text = {}, .host = to_lower(host)};
}

Result<std::unique_ptr<Proxy>> Proxy::start(ProxyOptions options) {
  auto listener = TRY(os::Listener::tcp(options.address, options.port));
  return std::unique_ptr<Proxy>(new Proxy(std::move(options), std::move(listener)));
}

Proxy::Proxy(ProxyOptions options, os::Listener listener)
    : options_(std::move(options)), listener_(std::move(listener)) {
  accepting_ = std::thread([this] { accept_connections(); });
}

std::size_t Proxy::open() const {
  const std::lock_guard lock(mutex_);
  return tunnels_.size();
}

void Proxy::accept_connections() {
  while (true) {
    auto socket = listener_.accept();
    join_finished();
    if (socket) {
      take(std::move(*socket));
    } else if (socket.error().kind == Kind::busy) {
      LOG(warning, "proxy", "cannot take a connection: {}", socket.error().message);
    } else {
      if (socket.error().kind != Kind::cancelled) {
        LOG(error, "proxy", "no connections are taken any more: {}", socket.error().message);
      }
      return;
    }
  }
}

void Proxy::take(os::Socket socket) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (tunnels_.size() >= options_.connections_max) {
    const auto full =
        message_of({.status = 503,
                    .text = fmt::format("This proxy has {} connections, as many as it may. "
                                        "Try again when some have ended.",
                                        options_.connections_max)});
    (void)socket.write_all(as_bytes(full), Milliseconds(0));
    return;
  }
  const auto place = tunnels_.insert(tunnels_.end(), Tunnel{.client = std::move(socket)});
  try {
    place->thread = std::thread([this, place] { run(place); });
  } catch (const std::system_error& error) {
    LOG(error, "proxy", "cannot start a thread for a connection: {}", error.what());
    tunnels_.erase(place);
  }
}

void Proxy::run(Place place) {
  try {
    if (open_tunnel(place)) splice(place->client, place->server);
  } catch (const std::exception& error) {  // out of memory: this connection's loss only
    LOG(error, "proxy", "a tunnel failed: {}", error.what());
  }
  const std::lock_guard lock(mutex_);
  place->client = os::Socket();
  place->server = os::Socket();
  finished_.splice(finished_.end(), tunnels_, place);
  ended_.notify_all();
}

bool Proxy::open_tunnel(Place place) {
  const os::Socket& client = place->client;
  const auto head = read_head(client, options_.head_timeout);
  if (head.status < 0) return false;  // the client went away
  ProxyAnswer answer =
      head.status == 0     ? answer_connect(head.text, options_.hosts)
      : head.status == 408 ? ProxyAnswer{.status = 408, .text = "No request came in time."}
      : head.status == 431 ? ProxyAnswer{.status = 431, .text = "The request's head is too long."}
                           : malformed();
  if (answer.status == 200) {
    auto server =
        os::Socket::connect(options_.server_address, options_.server_port, connect_timeout);
    if (server) {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      place->server = std::move(*server);
    } else {
      LOG(warning, "proxy", "the server was not reached: {}", server.error().message);
      answer = {.status = 502, .text = "The server behind this proxy does not answer just now."};
    }
  }
  if (answer.status != 200) {
    LOG(info, "proxy", "{}: {} {}", client.peer(), answer.status, answer.text);
  }
  if (!client.write_all(as_bytes(message_of(answer)), stall_timeout)) return false;
  if (answer.status == 200) return true;
  drop_the_rest(client);
  return false;
}

void Proxy::splice(const os::Socket& client, const os::Socket& server) const {
  Bytes buffer(buffer_bytes);
  const std::array<const os::Socket*, 2> both = {&client, &server};
  while (true) {
    const auto ready = os::wait_any(both, options_.idle_timeout);
    if (!ready || ready->empty()) return;
    for (const auto at : *ready) {
      const auto got = both.at(at)->read_some(buffer, Milliseconds(0));
      if (!got) return;
      if (*got == 0) {
        // TLS has no half-open ends: when one side is gone, nothing is left to say. But what the
        // server said last may still be under way.
        if (at == 1) drop_the_rest(client);
        return;
      }
      if (!both.at(1 - at)->write_all(ByteView(buffer).first(*got), stall_timeout)) return;
    }
  }
}

void Proxy::join_finished() {
  std::list<Tunnel> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (auto& one : finished) one.thread.join();
}

void Proxy::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& one : tunnels_) {
      one.client.shut_down();
      if (one.server.is_open()) one.server.shut_down();
    }
  }
  listener_.close();
  if (accepting_.joinable()) accepting_.join();
  {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return tunnels_.empty(); });
  }
  join_finished();
}

}  // namespace pinaco::app
