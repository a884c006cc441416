#include "machine/outpost.h"

#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "machine/console_log.h"
#include "machine/control.h"
#include "machine/description.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

// QEMU connects while it starts; libvirt may take tens of seconds before that.
constexpr Milliseconds connect_within = std::chrono::seconds(120);

// Who may connect now: one for each after a power-on, from the guest's host, and not for long.
class Expected {
 public:
  enum What { card, console };
  void begin(std::set<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    waits_[card] = waits_[console] = true;
    addresses_ = std::move(addresses);
    until_ = system_clock().steady() + connect_within;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    waits_[card] = waits_[console] = false;
  }
  bool takes(What what, const os::Socket& socket) {
    const std::lock_guard lock(mutex_);
    if (!waits_[what] || system_clock().steady() >= until_) return false;
    const auto peer = socket.peer();
    const auto address = peer.substr(0, peer.rfind(':'));
    if (!addresses_.empty() && !addresses_.contains(address)) {
      LOG(warning, "machine",
          "{} connected, while the guest's host was expected: name in its uri the address from "
          "which it connects",
          peer);
      return false;
    }
    waits_[what] = false;
    return true;
  }

 private:
  std::mutex mutex_;
  bool waits_[2] = {false, false};
  std::set<std::string> addresses_;  // empty: any
  SteadyTime until_ = {};
};

class Outpost {
 public:
  explicit Outpost(const AttachCard& attach) : attach_(attach) {}
  ~Outpost() {
    for (const auto* each : {&card_listener_, &console_listener_}) {
      if (*each) (*each)->close();
    }
    {
      const std::lock_guard lock(mutex_);
      if (console_socket_ != nullptr) console_socket_->shut_down();
    }
    for (auto* each : {&card_thread_, &console_thread_}) {
      if (each->joinable()) each->join();
    }
  }

  Result<Json> start(const Json& begin);
  void answer_all();  // until it is told to end

 private:
  void take_cards();
  void take_consoles();
  void read_console(const os::Socket& socket);
  static void write_report(const Json& report);
  Result<bool> answer(const os::Socket& client);  // whether it goes on

  const AttachCard& attach_;
  std::optional<os::Listener> control_;
  std::optional<os::Listener> card_listener_;
  std::optional<os::Listener> console_listener_;
  std::optional<ConsoleLog> console_;  // of the console's thread
  Expected expected_;

  std::mutex mutex_;  // what follows
  guest::Facts facts_;
  std::unique_ptr<guest::Card> card_;
  bool troubled_ = false;  // by a card that was refused, as the report says
  const os::Socket* console_socket_ = nullptr;
  std::thread card_thread_;
  std::thread console_thread_;
};

Result<Json> Outpost::start(const Json& begin) {
  const auto machine = TRY(machine_from(begin));
  facts_ = machine.facts;
  const std::string address(string_at(begin, "outpost"));
  console_ = TRY(ConsoleLog::create("console.log"));
  control_.emplace(TRY(os::Listener::unix_path("control")));
  card_listener_.emplace(TRY(os::Listener::tcp(address, 0)));
  console_listener_.emplace(TRY(os::Listener::tcp(address, 0)));
  card_thread_ = std::thread([this] { take_cards(); });
  console_thread_ = std::thread([this] { take_consoles(); });
  return JsonObject{{"card", card_listener_->port()}, {"console", console_listener_->port()}};
}

// A card whose QEMU is gone goes when the next one comes, or with the facts' next change.
void Outpost::take_cards() {
  while (true) {
    auto socket = card_listener_->accept();
    if (!socket) {
      if (socket.error().kind == Kind::busy) continue;
      return;
    }
    if (!expected_.takes(Expected::card, *socket)) continue;
    const std::lock_guard lock(mutex_);
    card_ = nullptr;  // first: it holds the forwarded ports
    auto attached = attach_(std::move(*socket), facts_,
                            [this](const guest::Report& said) { write_report(to_json(said)); });
    if (attached) {
      card_ = std::move(*attached);
      if (std::exchange(troubled_, false)) write_report(JsonObject());
    } else {
      LOG(error, "machine", "the guest has no network: {}", attached.error().message);
      write_report(JsonObject{{"trouble", "it has no network: " + attached.error().message}});
      troubled_ = true;
    }
  }
}

void Outpost::take_consoles() {
  while (true) {
    const auto socket = console_listener_->accept();
    if (!socket) {
      if (socket.error().kind == Kind::busy) continue;
      return;
    }
    if (!expected_.takes(Expected::console, *socket)) continue;
    {
      const std::lock_guard lock(mutex_);
      console_socket_ = &*socket;
    }
    read_console(*socket);
    const std::lock_guard lock(mutex_);
    console_socket_ = nullptr;
  }
}

void Outpost::read_console(const os::Socket& socket) {
  Bytes buffer(64 << 10);
  while (true) {
    const auto got = socket.read_unlimited(buffer);
    if (!got || *got == 0) return;
    // A full disk costs the guest its log, not its life.
    (void)console_->append(ByteView(buffer).first(*got));
  }
}

void Outpost::write_report(const Json& report) {
  const auto written = os::write_file_durably("report.json", as_bytes(to_text(report)));
  if (!written) LOG(error, "machine", "no report: {}", written.error().message);
}

void Outpost::answer_all() {
  while (true) {
    const auto client = control_->accept();
    if (!client) {
      if (client.error().kind == Kind::busy) continue;
      return;
    }
    const auto goes_on = answer(*client);
    const auto done = goes_on ? Result<>() : Result<>(std::unexpected(goes_on.error()));
    (void)send_line(*client, to_answer(done), std::chrono::seconds(5));
    if (goes_on && !*goes_on) return;
  }
}

Result<bool> Outpost::answer(const os::Socket& client) {
  const auto line = TRY(receive_line(client, description_bytes_max, std::chrono::seconds(5)));
  const auto json = TRY(parse_json(line));
  const auto what = string_at(json, "do");
  if (what == "end" || what == "kill") return false;
  if (what == "expect") {
    const std::lock_guard lock(mutex_);
    // What a host that vanished left open would keep the next console waiting.
    if (console_socket_ != nullptr) console_socket_->shut_down();
    std::set<std::string> addresses;
    const auto* from = find_path(json, "from");
    if (from != nullptr && from->is_array()) {
      for (const auto& each : from->get_array()) {
        if (each.is_string()) addresses.emplace(each.get_string());
      }
    }
    expected_.begin(std::move(addresses));
    return true;
  }
  if (what == "withdraw") {
    expected_.end();
    return true;
  }
  const auto* facts = find_path(json, "facts");
  if (what != "change" || facts == nullptr) {
    return fail(Kind::invalid, "An outpost is told to expect, to withdraw, to change or to end.");
  }
  auto changed = TRY(guest::facts_from(*facts));
  const std::lock_guard lock(mutex_);
  facts_ = changed;
  if (card_ != nullptr) TRY(card_->change(std::move(changed)));
  return true;
}

}  // namespace

int keep_outpost(const Json& begin, const os::Socket& channel, const AttachCard& attach) {
  Outpost outpost(attach);
  const auto begun = outpost.start(begin);
  if (!begun) {
    (void)send_line(channel, to_answer(std::unexpected(begun.error())), std::chrono::seconds(5));
    return 1;
  }
  (void)send_line(channel, *begun, std::chrono::seconds(5));
  outpost.answer_all();
  return 0;
}

}  // namespace pinaco::machine
