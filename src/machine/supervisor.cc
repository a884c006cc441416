// The life of a supervisor: it is told its Machine, makes what is missing, starts QEMU as its
// child, is the guest's network card, keeps the console, and writes down what the guest reports and
// why everything ended. One thread watches QEMU; one answers on the control socket; the card has
// its own.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "machine/console_log.h"
#include "machine/control.h"
#include "machine/description.h"
#include "machine/outpost.h"
#include "machine/qmp.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {
namespace {

constexpr std::size_t errors_bytes_max = 4 << 10;
constexpr Milliseconds up_within = std::chrono::seconds(25);

class Supervisor {
 public:
  explicit Supervisor(const AttachCard& attach) : attach_(attach) {}
  ~Supervisor() {
    if (listener_) listener_->close();
    if (answering_.joinable()) answering_.join();
  }

  Result<> start(const Machine& machine, Accelerator accelerator);
  // Until QEMU has ended. Why it did, and whether somebody wanted it.
  Json watch();

 private:
  Result<> wait_until_up();
  void read_console();
  void read_errors();
  void handle_events();
  void drop_disc();
  void report(const guest::Report& report);
  void set_trouble(std::string trouble);
  void write_report();  // with the mutex held
  Json ended();
  void answer_all();
  Result<> answer(const os::Socket& client);

  const AttachCard& attach_;
  std::optional<os::Process> process_;
  std::optional<Qmp> qmp_;
  std::optional<ConsoleLog> console_;
  bool console_open_ = true;
  bool errors_open_ = true;
  std::string errors_;
  std::string shutdown_reason_;
  Bytes buffer_ = Bytes(64 << 10);

  std::mutex mutex_;  // report and trouble
  guest::Report report_;
  std::string trouble_;

  std::unique_ptr<guest::Card> card_;
  std::optional<os::Listener> listener_;
  std::thread answering_;
};

Result<> Supervisor::start(const Machine& machine, Accelerator accelerator) {
  for (const auto& disk : machine.disks) {
    TRY(ensure_overlay(disk.overlay_path, disk.size_bytes));
  }
  Firmware firmware;
  if (machine.uefi) firmware = TRY(prepare_uefi("uefi.vars"));
  const bool with_disc = TRY(os::exists("disc.iso"));
  console_ = TRY(ConsoleLog::create("console.log"));
  listener_.emplace(TRY(os::Listener::unix_path("control")));

  auto control = TRY(os::socket_pair());
  auto network = TRY(os::socket_pair());
  {
    const int inherited[] = {lock_descriptor, control.far.descriptor(), network.far.descriptor()};
    auto process =
        os::Process::start(supervised_line(machine, accelerator, firmware, with_disc), inherited);
    if (!process) return std::unexpected(explain_missing(std::move(process.error())));
    process_.emplace(std::move(*process));
    const os::Socket close_now[] = {std::move(control.far), std::move(network.far)};
  }
  qmp_.emplace(std::move(control.near));
  TRY(wait_until_up());
  card_ = TRY(attach_(std::move(network.near), machine.facts,
                      [this](const guest::Report& said) { report(said); }));
  answering_ = std::thread([this] { answer_all(); });
  return {};
}

Result<> Supervisor::wait_until_up() {
  const auto up = qmp_->start(up_within);
  if (up) return {};
  const auto end = process_->end(std::chrono::seconds(1));
  while (errors_open_) read_errors();
  const auto said = trim(errors_);
  return fail(Kind::unavailable,
              fmt::format("{} did not start (status {}): {}", qemu_program, end ? *end : -1,
                          said.empty() ? up.error().message : said));
}

Json Supervisor::watch() {
  while (console_open_ || errors_open_) {
    const os::Socket* sockets[] = {console_open_ ? &process_->output() : nullptr,
                                   errors_open_ ? &process_->errors() : nullptr,
                                   qmp_->is_open() ? &qmp_->socket() : nullptr};
    const auto ready = os::wait_any(sockets, std::chrono::minutes(1));
    if (!ready) break;
    for (const auto which : *ready) {
      if (which == 0) read_console();
      if (which == 1) read_errors();
      if (which != 2) continue;
      if (const auto got = qmp_->receive(); !got) {
        LOG(error, "machine", "QEMU is ended: {}", got.error().message);
        (void)process_->end(Milliseconds(0));
      }
      handle_events();
    }
  }
  return ended();
}

void Supervisor::read_console() {
  const auto got = process_->output().read_some(buffer_, Milliseconds(0));
  if (!got || *got == 0) {
    console_open_ = false;
    return;
  }
  // A full disk costs the guest its log, not its life.
  (void)console_->append(ByteView(buffer_).first(*got));
}

void Supervisor::read_errors() {
  const auto got = process_->errors().read_some(buffer_, std::chrono::seconds(1));
  if (!got || *got == 0) {
    errors_open_ = false;
    return;
  }
  errors_ += as_text(ByteView(buffer_).first(*got));
  if (errors_.size() > errors_bytes_max) errors_.erase(0, errors_.size() - errors_bytes_max);
}

void Supervisor::handle_events() {
  while (const auto event = qmp_->take_event()) {
    const auto name = string_at(*event, "event");
    if (const auto trouble = find_trouble(*event)) set_trouble(*trouble);
    if (name == "RESUME" || name == "RESET") set_trouble("");
    if (name == "SHUTDOWN") shutdown_reason_ = string_at(*event, "data.reason");
    if (name == "DEVICE_TRAY_MOVED" && string_at(*event, "data.id") == disc_device &&
        bool_at(*event, "data.tray-open")) {
      drop_disc();
    }
  }
}

// It may hold a password. Out of the drive as well, so that the guest cannot close the tray on it.
void Supervisor::drop_disc() {
  constexpr auto patience = std::chrono::seconds(5);
  (void)os::remove_file("disc.iso");
  (void)qmp_->execute("blockdev-remove-medium", {{"id", disc_device}}, patience);
  (void)qmp_->execute("blockdev-del", {{"node-name", disc_node}}, patience);
}

void Supervisor::report(const guest::Report& said) {
  const std::lock_guard lock(mutex_);
  report_ = said;
  write_report();
  if (said.health == guest::Health::ready) (void)os::remove_file("disc.iso");
}

void Supervisor::set_trouble(std::string trouble) {
  const std::lock_guard lock(mutex_);
  if (trouble == trouble_) return;
  trouble_ = std::move(trouble);
  write_report();
}

void Supervisor::write_report() {
  auto json = to_json(report_);
  set_path(json, "trouble", trouble_);
  const auto written = os::write_file_durably("report.json", as_bytes(to_text(json)));
  if (!written) LOG(error, "machine", "no report: {}", written.error().message);
}

Json Supervisor::ended() {
  const auto status = process_->wait(std::chrono::seconds(10));
  const bool known = status && *status;
  const bool orderly = known && **status == 0;
  auto reason = shutdown_reason_;
  if (!orderly) {
    const auto said = trim(errors_);
    reason = fmt::format("{} ended with status {}: {}", qemu_program, known ? **status : -1,
                         said.empty() ? "it did not say why" : said);
  }
  return JsonObject{{"orderly", orderly}, {"reason", reason}};
}

void Supervisor::answer_all() {
  while (true) {
    const auto client = listener_->accept();
    if (!client) {
      if (client.error().kind == Kind::busy) continue;
      return;
    }
    const auto done = answer(*client);
    (void)send_line(*client, to_answer(done), std::chrono::seconds(5));
  }
}

Result<> Supervisor::answer(const os::Socket& client) {
  const auto line = TRY(receive_line(client, description_bytes_max, std::chrono::seconds(5)));
  const auto json = TRY(parse_json(line));
  const auto what = string_at(json, "do");
  if (what == "kill") {
    process_->kill();
    return {};
  }
  const auto* facts = find_path(json, "facts");
  if (what != "change" || facts == nullptr) {
    return fail(Kind::invalid, "A supervisor is told to change or to kill.");
  }
  return card_->change(TRY(guest::facts_from(*facts)));
}

Result<Json> receive_begin(const os::Socket& channel) {
  return parse_json(TRY(receive_line(channel, description_bytes_max, std::chrono::seconds(20))));
}

Result<> begin(Supervisor& supervisor, const Json& json) {
  const auto machine = TRY(machine_from(json));
  const bool kvm = string_at(json, "accelerator") == to_string(Accelerator::kvm);
  return supervisor.start(machine, kvm ? Accelerator::kvm : Accelerator::tcg);
}

void write_end(const Json& json) {
  (void)os::remove_file("disc.iso");
  const auto written = os::write_file_durably("ended.json", as_bytes(to_text(json)));
  if (!written) LOG(error, "machine", "{}", written.error().message);
}

}  // namespace

int supervise(const std::string& folder, const AttachCard& attach) {
  (void)::signal(SIGPIPE, SIG_IGN);
  if (::chdir(folder.c_str()) != 0) {
    LOG(error, "machine", "the folder {} cannot be entered", folder);
    return 2;
  }
  const auto lock = os::inherited_lock(lock_descriptor, "lock");
  if (!lock) {
    LOG(error, "machine", "only the server starts this command: {}", lock.error().message);
    return 2;
  }
  Supervisor supervisor(attach);
  {
    const os::Socket channel(channel_descriptor);
    const auto told = receive_begin(channel);
    if (told && find_path(*told, "outpost") != nullptr) {
      return keep_outpost(*told, channel, attach);
    }
    const auto begun = told ? begin(supervisor, *told) : Result<>(std::unexpected(told.error()));
    if (!begun) {
      write_end(JsonObject{{"orderly", false}, {"reason", begun.error().message}});
    }
    (void)send_line(channel, to_answer(begun), std::chrono::seconds(5));
    if (!begun) return 1;
  }
  write_end(supervisor.watch());
  return 0;
}

}  // namespace pinaco::machine
