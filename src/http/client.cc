// The client over libcurl's easy interface; its handle keeps the connections.
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstdlib>
#include <mutex>

#include "base/text.h"
#include "http/address.h"
#include "http/http.h"
#include "http/syntax.h"

namespace pinaco::http {
namespace {

constexpr std::size_t head_bytes_max = 64 << 10;
constexpr std::size_t head_fields_max = 200;

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using List = std::unique_ptr<curl_slist, EasyDeleter>;

// TLS under curl writes to sockets without MSG_NOSIGNAL. Keeps SIGPIPE of this thread from ending
// the program, without touching the whole program's signals.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t waiting;
    sigpending(&waiting);
    was_pending_ = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    const timespec now = {};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_ = {};
  sigset_t before_ = {};
  bool was_pending_ = false;
};

// What happens during one send; curl's callbacks fill it.
struct Exchange {
  const Ask& ask;
  const ClientOptions& options;
  Answer answer = {};
  std::size_t head_bytes = 0;
  bool head_ended = false;                  // curl takes a head that breaks off for a whole one
  std::optional<std::string> stopped = {};  // why a callback stopped curl
  std::optional<Error> sink_error = {};     // the same, from the sink
  curl_off_t moved = 0;
  SteadyTime moved_at = system_clock().steady();

  bool stop(std::string reason) {
    stopped = std::move(reason);
    return false;
  }
  bool take_header(std::string_view line);
  bool take_body(ByteView bytes);
  bool progress(curl_off_t bytes);
};

bool Exchange::take_header(std::string_view line) {
  moved_at = system_clock().steady();
  if (head_ended && answer.status >= 200) return true;  // a trailer: no part of the answer
  head_bytes += line.size();
  if (head_bytes > head_bytes_max || answer.headers.all().size() >= head_fields_max) {
    return stop("the head of the answer is larger than 64 KiB or 200 fields");
  }
  if (line.starts_with("HTTP/")) {  // also of 100 Continue: only the last head counts
    answer = {};
    head_ended = false;
    const auto at = line.find(' ');
    const auto status =
        at == std::string_view::npos ? std::nullopt : parse_int(line.substr(at + 1, 3), 100, 599);
    if (!status) return stop("the answer has no valid status");
    answer.status = static_cast<int>(*status);
    return true;
  }
  if (line == "\r\n" || line == "\n") {
    head_ended = true;
    return true;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  answer.headers.add(std::string(trim(line.substr(0, colon))),
                     std::string(trim(line.substr(colon + 1, line.find('\r') - colon - 1))));
  return true;
}

bool Exchange::take_body(ByteView bytes) {
  if (ask.sink && answer.status / 100 == 2) {
    auto taken = ask.sink(bytes);
    if (!taken) sink_error = std::move(taken.error());
    moved_at = system_clock().steady();  // a slow sink is no slow server
    return !sink_error;
  }
  if (answer.body.size() + bytes.size() > options.body_bytes_max) {
    return stop(
        fmt::format("the answer is larger than {} bytes, the limit", options.body_bytes_max));
  }
  answer.body += as_text(bytes);
  return true;
}

bool Exchange::progress(curl_off_t bytes) {
  const auto now = system_clock().steady();
  if (bytes != moved) {
    moved = bytes;
    moved_at = now;
  }
  if (now - moved_at < options.stall_timeout) return true;
  return stop(fmt::format("timed out: no byte moved for {} ms", options.stall_timeout.count()));
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* exchange) {
  return static_cast<Exchange*>(exchange)->take_header({data, size}) ? size : 0;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* exchange) {
  return static_cast<Exchange*>(exchange)->take_body(as_bytes({data, size})) ? size : 0;
}

int on_progress(void* exchange, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  return static_cast<Exchange*>(exchange)->progress(down + up) ? 0 : 1;
}

// Opens the socket of a connection, if its address is public.
curl_socket_t open_public(void*, curlsocktype, curl_sockaddr* address) {
  ByteView bytes;
  if (address->family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address->addr);
    bytes = {reinterpret_cast<const std::uint8_t*>(&v4->sin_addr), 4};
  } else if (address->family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address->addr);
    bytes = {reinterpret_cast<const std::uint8_t*>(&v6->sin6_addr), 16};
  }
  if (!is_public_address(bytes)) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// "host:port" of a URL, for messages: paths and queries may hold secrets.
std::string place_of(const std::string& url) {
  const std::unique_ptr<CURLU, EasyDeleter> parts(curl_url());
  if (!parts || curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return "an unreadable URL";
  }
  std::string place;
  for (const auto part : {CURLUPART_HOST, CURLUPART_PORT}) {
    char* text = nullptr;
    if (curl_url_get(parts.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) continue;
    if (!place.empty()) place += ':';
    place += text;
    curl_free(text);
  }
  return place;
}

class ClientImpl final : public Client {
 public:
  explicit ClientImpl(ClientOptions options) : options_(std::move(options)) {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
    handle_.reset(curl_easy_init());
    CHECK(handle_ != nullptr);
  }
  ~ClientImpl() override {
    const NoSigpipe quiet;  // closing TLS connections writes
    handle_.reset();
  }

  Result<Answer> send(const Ask& ask) override;

 private:
  template <typename T>
  void set(CURLoption option, T value) {
    CHECK(curl_easy_setopt(handle_.get(), option, value) == CURLE_OK);
  }
  void set_defaults();
  Result<List> header_list(const Ask& ask) const;
  void set_body(const Ask& ask);
  Error error_of(CURLcode code, const std::string& place, Exchange& exchange) const;

  const ClientOptions options_;
  std::unique_ptr<CURL, EasyDeleter> handle_;
  char reason_[CURL_ERROR_SIZE] = {};
};

void ClientImpl::set_defaults() {
  curl_easy_reset(handle_.get());  // keeps connections and TLS sessions
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_PATH_AS_IS, 1L);  // a signature covers the path as written
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_BUFFERSIZE, 256L << 10);
  set(CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.total_timeout.count()));
  if (options_.public_only) set(CURLOPT_OPENSOCKETFUNCTION, open_public);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_USERAGENT, "pinaco");
  if (!options_.ca_file.empty()) {
    set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // this file and nothing else
  }
  // A proxy that the environment names is used, but never for this machine itself.
  const char* given = std::getenv("no_proxy");
  if (given == nullptr) given = std::getenv("NO_PROXY");
  const std::string direct = "localhost,127.0.0.1,::1";
  const std::string no_proxy = given == nullptr     ? direct
                               : trim(given) == "*" ? std::string("*")
                                                    : direct + "," + given;
  set(CURLOPT_NOPROXY, options_.public_only ? "*" : no_proxy.c_str());
  set(CURLOPT_ERRORBUFFER, reason_);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_WRITEFUNCTION, on_body);
}

Result<List> ClientImpl::header_list(const Ask& ask) const {
  List list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    CHECK(longer != nullptr);
    (void)list.release();
    list.reset(longer);
  };
  for (const auto& [name, value] : ask.headers.all()) {
    if (!is_token(name) || !is_field_value(value)) {
      return fail(Kind::invalid, fmt::format("The header '{}' of a request is not allowed: its "
                                             "name or value holds control characters.",
                                             name));
    }
    // In curl's lists "Name:" removes a field and "Name;" is one without a value.
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  add("Expect:");
  if (!ask.headers.has("Content-Type")) add("Content-Type:");
  return list;
}

void ClientImpl::set_body(const Ask& ask) {
  const bool always = ask.method == "PUT" || ask.method == "POST" || ask.method == "PATCH";
  if (always || !ask.body.empty()) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(ask.body.size()));
    // Not null even when empty: null would make curl ask a read callback.
    set(CURLOPT_POSTFIELDS, ask.body.empty() ? "" : reinterpret_cast<const char*>(ask.body.data()));
  }
  if (ask.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  set(CURLOPT_CUSTOMREQUEST, ask.method.c_str());
}

Error ClientImpl::error_of(CURLcode code, const std::string& place, Exchange& exchange) const {
  if (exchange.sink_error) return *exchange.sink_error;
  std::string reason = reason_[0] != '\0' ? reason_ : curl_easy_strerror(code);
  if (exchange.stopped) reason = *exchange.stopped;
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    return {.kind = Kind::unavailable,
            .message = fmt::format("The certificate of {} is not trusted ({}). Pass the CA file "
                                   "that `pinaco serve` prints, or set PINACO_CA to its path.",
                                   place, reason)};
  }
  if (code == CURLE_SSL_CACERT_BADFILE) {
    return {.kind = Kind::unavailable,
            .message = fmt::format("The CA file {} cannot be used ({}). Pass the CA file that "
                                   "`pinaco serve` prints, or set PINACO_CA to its path.",
                                   options_.ca_file, reason)};
  }
  return {.kind = Kind::unavailable,
          .message = fmt::format("No whole answer came from {}: {}", place, reason)};
}

Result<Answer> ClientImpl::send(const Ask& ask) {
  if (!is_token(ask.method)) return fail(Kind::invalid, "The method of a request is not allowed.");
  const auto headers = TRY(header_list(ask));
  const NoSigpipe quiet;
  Exchange exchange{.ask = ask, .options = options_};
  set_defaults();
  set_body(ask);
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_XFERINFODATA, &exchange);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEDATA, &exchange);
  reason_[0] = '\0';
  auto code = curl_easy_setopt(handle_.get(), CURLOPT_URL, ask.url.c_str());
  if (code == CURLE_OK) code = curl_easy_perform(handle_.get());
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return fail(Kind::invalid, "A request needs an http or https URL.");
  }
  if (code == CURLE_OK && !exchange.head_ended) {
    code = CURLE_PARTIAL_FILE;
    exchange.stop("the answer broke off in its head");
  }
  if (code != CURLE_OK) {
    return std::unexpected(error_of(code, place_of(ask.url), exchange));
  }
  return std::move(exchange.answer);
}

}  // namespace

std::unique_ptr<Client> make_client(ClientOptions options) {
  return std::make_unique<ClientImpl>(std::move(options));
}

}  // namespace pinaco::http
