// `pinaco serve`: starts the parts, says how to reach them, and waits for the signal to end.
#include "app/serve.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

#include "app/region.h"
#include "base/log.h"
#include "base/text.h"
#include "os/files.h"
#include "os/limits.h"

namespace pinaco::app {
namespace {

constexpr std::uint64_t open_files_wanted = 64 << 10;
constexpr std::uint64_t open_files_good = 8 << 10;

Result<std::string> data_folder(const ServeOptions& options) {
  std::string folder = options.data_folder;
  if (folder.empty()) folder = "/var/lib/pinaco";
  TRY(os::make_folders(folder));
  char* absolute = realpath(folder.c_str(), nullptr);
  if (absolute == nullptr) return fail(system_error("finding " + folder, errno));
  folder = absolute;
  std::free(absolute);
  return folder;
}

Result<Config> read_config(const ServeOptions& options, const std::string& data) {
  Config config = default_config(data);
  if (!options.config_file.empty()) {
    config = TRY(parse_config(TRY(os::read_file(options.config_file, 1 << 20)), data));
  } else {
    config.address = options.address;
    config.port = options.port;
    // A second server on this machine, as tests start them, must not want the same port.
    if (options.port == 0) config.nbd_port = 0;
  }
  return config;
}

// Where people reach what listens on `address`.
std::string host_of(const std::string& address) {
  if (address == "0.0.0.0" || address == "::") return "localhost";
  return address.find(':') == address.npos ? address : fmt::format("[{}]", address);
}

std::string proxy_url(const Config& config, int port) {
  return config.proxy.on ? fmt::format("http://{}:{}", host_of(config.proxy.address), port) : "";
}

Json credentials_json(const identity::FirstCredentials& first, const std::string& endpoint,
                      const std::string& ca_file, const std::string& proxy) {
  JsonObject json{{"endpoint", endpoint},        {"ca", ca_file},
                  {"tenant", first.tenant},      {"subscription", first.subscription},
                  {"clientId", first.client_id}, {"clientSecret", first.client_secret}};
  if (!proxy.empty()) json["proxy"] = proxy;
  return json;
}

void print_credentials(const identity::FirstCredentials& first) {
  fmt::print(
      "\nThe administrator (a service principal). The secret is shown this once; only its hash is "
      "kept.\n  tenant         {}\n  subscription   {}\n  client id      {}\n  client secret  {}\n",
      first.tenant, first.subscription, first.client_id, first.client_secret);
}

Result<> run(const ServeOptions& options) {
  const auto open_files = TRY(os::allow_open_files(open_files_wanted));
  if (open_files < open_files_good) {
    LOG(warning, "app",
        "This process may open {} files; 1,000 machines need about 3,000. Raise its limit, say "
        "with "
        "LimitNOFILE= or ulimit -n.",
        open_files);
  }
  const auto data = TRY(data_folder(options));
  const auto config = TRY(read_config(options, data));
  const std::string host = host_of(config.address);
  const auto keep = [&](const identity::FirstCredentials& made,
                        const std::string& ca_file) -> Result<> {
    if (options.credentials_file.empty()) {
      print_credentials(made);
      return {};
    }
    // With a port of its choosing the file is written again once that is known.
    const auto text = credentials_json(made, fmt::format("https://{}:{}", host, config.port),
                                       ca_file, proxy_url(config, config.proxy.port));
    return os::write_file_durably(options.credentials_file + ".new", as_bytes(to_pretty(text)));
  };
  auto pinaco = TRY(start(config, {.data_folder = data, .keep_credentials = keep}, system_clock(),
                          system_random()));

  const std::string endpoint = fmt::format("https://{}:{}", host, pinaco->http->port());
  const std::string proxy = pinaco->proxy ? proxy_url(config, pinaco->proxy->port()) : "";
  auto first = pinaco->identity->directory().first_credentials();
  if (options.reset_administrator) first = TRY(pinaco->identity->directory().reset_administrator());
  if (first && !options.credentials_file.empty()) {
    const auto text = to_pretty(credentials_json(*first, endpoint, pinaco->ca_file, proxy)) + "\n";
    TRY(os::write_file_durably(options.credentials_file, as_bytes(text)));
    TRY(os::remove_file(options.credentials_file + ".new"));
  }
  fmt::print("Pinaco serves {} region(s) from {}\n", config.regions.size(), data);
  fmt::print("  endpoint       {}\n  CA file        {}\n  NBD            {}:{}\n", endpoint,
             pinaco->ca_file, host, pinaco->nbd->port());
  if (!proxy.empty()) fmt::print("  proxy          {}\n", proxy);
  if (first && options.credentials_file.empty() && options.reset_administrator) {
    print_credentials(*first);
  } else if (first && !options.credentials_file.empty()) {
    fmt::print("  credentials    {} (holds the secret; the server keeps only its hash)\n",
               options.credentials_file);
  }
  fmt::print("\nReady. Ctrl-C ends it.\n");
  if (std::fflush(stdout) != 0) LOG(warning, "app", "the first lines could not be printed");

  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  int signal_number = 0;
  sigwait(&ends, &signal_number);
  fmt::print("Ending: work under way goes on at the next start.\n");
  pinaco->stop();
  return {};
}

}  // namespace

int serve(const ServeOptions& options) {
  // Every thread inherits this: the signals are for sigwait alone, a broken pipe is an error value.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  (void)signal(SIGPIPE, SIG_IGN);
  umask(077);
  for (const auto& [name, level] : {std::pair{"debug", Level::debug},
                                    {"info", Level::info},
                                    {"warning", Level::warning},
                                    {"error", Level::error}}) {
    if (options.log_level == name) set_log_level(level);
  }
  const auto done = run(options);
  if (done) return 0;
  fmt::print(stderr, "pinaco serve: {}\n", done.error().message);
  return 1;
}

}  // namespace pinaco::app
