// `pinaco vm console`, `screenshot` and `ssh`: what a machine says and shows, and the way in.
#include <fmt/format.h>

#include "app/login.h"
#include "app/machine_view.h"
#include "app/reference.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

constexpr std::size_t overlap_bytes = 4096;

// The links to a machine's console and screen. They are permissions: no token goes with them, and
// they are not shown.
class Diagnostics {
 public:
  static Result<Diagnostics> open(const MachineCall& call);
  const arm::ResourceId& id() const { return id_; }
  Result<std::string> get(std::string_view link);

 private:
  Diagnostics(const MachineCall& call, arm::ResourceId id)
      : call_(call),
        id_(std::move(id)),
        client_(http::make_client(call.connection.link_options())) {}
  Result<> renew();

  const MachineCall& call_;
  arm::ResourceId id_;
  std::unique_ptr<http::Client> client_;
  Json links_;
};

Result<> Diagnostics::renew() {
  const auto path =
      fmt::format("{}/retrieveBootDiagnosticsData?api-version={}", id_.text(), machines_api);
  links_ = TRY(call_.connection.run("POST", path));
  return {};
}

Result<Diagnostics> Diagnostics::open(const MachineCall& call) {
  Diagnostics opened(
      call, TRY(find_named(call.connection, machine_sort, call.options.name, call.options.group)));
  TRY(opened.renew());
  return opened;
}

Result<std::string> Diagnostics::get(std::string_view link) {
  for (bool again = false;; again = true) {
    http::Ask ask{.url = std::string(string_at(links_, link))};
    if (ask.url.empty()) return fail(Kind::unavailable, "The server gave no link to it.");
    auto sent = TRY(send_patiently(*client_, ask, call_.connection.patience()));
    if (sent.answer.status == 200) return std::move(sent.answer.body);
    // Links end after two hours; who follows a console may be longer at it.
    if (sent.answer.status != 403 || again) {
      return std::unexpected(error_of(sent.answer.status, sent.answer.body));
    }
    TRY(renew());
  }
}

// The end of an escape sequence that begins at `at` (its ESC).
std::size_t end_of_sequence(std::string_view log, std::size_t at) {
  if (at + 1 >= log.size()) return log.size();
  const char kind = log[at + 1];
  if (kind == '[') {  // CSI: ends with a byte from @ to ~
    for (std::size_t i = at + 2; i < log.size(); i++) {
      if (log[i] >= '@' && log[i] <= '~') return i + 1;
      if (log[i] == '\n') return i;
    }
    return log.size();
  }
  if (kind == ']' || kind == 'P' || kind == '_' || kind == '^') {  // OSC and the like: BEL or ST
    for (std::size_t i = at + 2; i < log.size(); i++) {
      if (log[i] == '\a') return i + 1;
      if (log[i] == '\x1b') return std::min(i + 2, log.size());
      if (log[i] == '\n') return i;
    }
    return log.size();
  }
  if (kind == '(' || kind == ')' || kind == '#') return std::min(at + 3, log.size());
  return at + 2;
}

Result<> follow(const MachineCall& call, Diagnostics& diagnostics, std::string before) {
  while (true) {
    auto waited = call.connection.patience().waiting.wait(Seconds(1));
    if (!waited) return {};  // the user has seen enough
    auto got = diagnostics.get("serialConsoleLogBlobUri");
    if (!got && got.error().kind == Kind::cancelled) return {};
    auto now = TRY(std::move(got));
    if (!call.options.raw) now = plain_text(now);
    call.console.print(new_part(before, now));
    (void)std::fflush(stdout);
    before = std::move(now);
  }
}

}  // namespace

std::string plain_text(std::string_view log) {
  std::string text;
  text.reserve(log.size());
  for (std::size_t i = 0; i < log.size();) {
    const auto byte = static_cast<unsigned char>(log[i]);
    if (byte == 0x1b) {
      i = end_of_sequence(log, i);
      continue;
    }
    // C1 controls, which are such sequences in one character.
    if (byte == 0xc2 && i + 1 < log.size() && static_cast<unsigned char>(log[i + 1]) < 0xa0) {
      i += 2;
      continue;
    }
    const bool shown = byte >= 0x20 && byte != 0x7f;
    if (shown || byte == '\n' || byte == '\t') text += log[i];
    i++;
  }
  return text;
}

std::string_view new_part(std::string_view before, std::string_view now) {
  if (now.starts_with(before)) return now.substr(before.size());
  // The log has lost its beginning: what was seen last is somewhere in it.
  const auto end = before.substr(before.size() - std::min(before.size(), overlap_bytes));
  const auto at = now.rfind(end);
  return end.empty() || at == std::string_view::npos ? now : now.substr(at + end.size());
}

Result<> print_console(const MachineCall& call) {
  auto diagnostics = TRY(Diagnostics::open(call));
  auto log = TRY(diagnostics.get("serialConsoleLogBlobUri"));
  if (!call.options.raw) log = plain_text(log);
  call.console.print(log);
  if (!call.options.follow) {
    call.console.print_json(JsonObject{{"id", diagnostics.id().text()}, {"log", log}});
    return {};
  }
  (void)std::fflush(stdout);
  return follow(call, diagnostics, std::move(log));
}

Result<> save_screenshot(const MachineCall& call) {
  auto diagnostics = TRY(Diagnostics::open(call));
  const auto png = TRY(diagnostics.get("consoleScreenshotBlobUri"));
  TRY(os::write_file_durably(call.options.file, as_bytes(png)));
  call.console.print(
      fmt::format("{} shows what {} shows.\n", call.options.file, diagnostics.id().name()));
  call.console.print_json(JsonObject{{"id", diagnostics.id().text()}, {"file", call.options.file}});
  return {};
}

Result<std::vector<std::string>> ssh_arguments(const MachineCall& call) {
  const auto id =
      TRY(find_named(call.connection, machine_sort, call.options.name, call.options.group));
  const auto view = TRY(view_machine(call.connection, id));
  const auto shown = fmt::format("{}/{}", id.group, id.name());
  if (const auto power = power_of(view.machine); power != "running") {
    return fail(Kind::conflict,
                fmt::format("{} is {}. Start it with `pinaco vm start {}`.", shown, power, shown));
  }
  if (view.address.empty()) {
    return fail(Kind::not_found,
                fmt::format("{} has no public address, so there is no way in. `pinaco vm console "
                            "{}` shows what it says.",
                            shown, shown));
  }
  if (is_simulated(view.machine)) {
    return fail(Kind::conflict, fmt::format("Nothing runs as {}: the server's driver for machines "
                                            "is \"none\".",
                                            shown));
  }
  const auto user = call.options.user.empty() ? user_of(view.machine) : call.options.user;
  if (user.empty()) {
    return fail(Kind::invalid, fmt::format("{} was made of a specialized image: say with "
                                           "--admin-user who its users are.",
                                           shown));
  }
  // Addresses are given again to other machines, so hosts are known by the machine's own id, in a
  // file beside the login.
  const auto login = TRY(login_path(process_environment));
  const auto known_hosts = login.substr(0, login.rfind('/') + 1) + "known_hosts";
  std::vector<std::string> words{
      "ssh",
      "-o",
      fmt::format("UserKnownHostsFile=\"{}\"", known_hosts),
      "-o",
      fmt::format("HostKeyAlias=pinaco-{}", string_at(view.machine, "properties.vmId")),
      "-o",
      "StrictHostKeyChecking=accept-new",
      "-p",
      std::to_string(ssh_port(view.machine)),
      "-l",
      user};
  if (!call.options.key_file.empty()) {
    words.insert(words.end(), {"-i", call.options.key_file});
  }
  words.insert(words.end(), {"--", view.address});
  words.insert(words.end(), call.options.words.begin(), call.options.words.end());
  return words;
}

}  // namespace pinaco::app
