// One boot from beginning to end: overlay, QEMU, console until the text, end of the guest.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "machine/machine.h"
#include "machine/overlay.h"
#include "machine/qemu.h"
#include "machine/qmp.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {
namespace {

constexpr std::size_t console_bytes_max = 64 << 10;
constexpr std::size_t errors_bytes_max = 4 << 10;
constexpr std::size_t until_bytes_max = 4 << 10;
constexpr std::size_t lines_shown = 20;

// Removes a file at the end of a scope, whatever happened.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) (void)os::remove_file(path_);
  }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

// Text for people: without colours, cursor movements and other control characters.
std::string plain(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == 0x1b && i + 1 < text.size() && text[i + 1] == '[') {
      i += 2;
      while (i < text.size() && (text[i] < 0x40 || text[i] > 0x7e)) ++i;
    } else if (c == '\n' || (c >= 0x20 && c != 0x7f)) {
      clean += text[i];
    }
  }
  return clean;
}

std::string last_lines(std::string_view console) {
  const auto clean = plain(console);
  auto lines = split(clean, '\n');
  std::erase_if(lines, [](std::string_view line) { return trim(line).empty(); });
  if (lines.empty()) return "The console said nothing.";
  std::string text = "The console said last:";
  const std::size_t first = lines.size() > lines_shown ? lines.size() - lines_shown : 0;
  for (std::size_t i = first; i < lines.size(); ++i) text += fmt::format("\n  {}", lines[i]);
  return text;
}

void append_bounded(std::string& text, std::string_view more, std::size_t bytes_max) {
  text.append(more);
  if (text.size() > bytes_max) text.erase(0, text.size() - bytes_max);
}

// Watches a guest that was just started.
class Watch {
 public:
  Watch(const BootOptions& options, os::Process& process, Qmp qmp)
      : options_(options), process_(process), qmp_(std::move(qmp)) {}

  // Returns how long it took until the text came.
  Result<Milliseconds> until_text() {
    TRY(qmp_.send_start());
    while (true) {
      const auto left = options_.limit - passed();
      if (left <= Milliseconds(0)) return out_of_time();
      if (options_.stopped && options_.stopped()) {
        return fail(Kind::cancelled, "The boot was stopped.");
      }
      const os::Socket* sockets[] = {console_open_ ? &process_.output() : nullptr,
                                     errors_open_ ? &process_.errors() : nullptr,
                                     qmp_.is_open() ? &qmp_.socket() : nullptr};
      const auto ready = TRY(os::wait_any(sockets, std::min(left, Milliseconds(200))));
      for (const auto which : ready) {
        if (which == 0 && read_console()) return passed();
        if (which == 1) read_errors();
        if (which != 2) continue;
        TRY(qmp_.receive());
        while (const auto event = qmp_.take_event()) {
          if (const auto trouble = find_trouble(*event)) return lost(*trouble);
        }
      }
      if (!console_open_ && !errors_open_) return ended();
    }
  }

  // A guest that does not obey is killed; there is nothing in the overlay that must be kept whole.
  void end_guest() {
    (void)qmp_.send_quit();
    const auto status = process_.wait(std::chrono::seconds(5));
    if (!status || !*status) (void)process_.end(std::chrono::seconds(3));
  }

 private:
  Milliseconds passed() const {
    return std::chrono::floor<Milliseconds>(system_clock().steady() - start_);
  }

  bool read_console() {
    const auto got = process_.output().read_some(buffer_, Milliseconds(0));
    if (!got || *got == 0) {
      console_open_ = false;
      return false;
    }
    const auto piece = as_text(ByteView(buffer_).first(*got));
    if (options_.console) options_.console(piece);
    // The text may lie across two pieces.
    const auto overlap = std::min(console_.size(), options_.until.size() - 1);
    const auto search_from = console_.size() - overlap;
    console_.append(piece);
    const bool found = console_.find(options_.until, search_from) != std::string::npos;
    append_bounded(console_, "", console_bytes_max);
    return found;
  }

  void read_errors() {
    const auto got = process_.errors().read_some(buffer_, Milliseconds(0));
    if (!got || *got == 0) {
      errors_open_ = false;
      return;
    }
    append_bounded(errors_, as_text(ByteView(buffer_).first(*got)), errors_bytes_max);
  }

  std::unexpected<Error> out_of_time() const {
    return fail(
        Kind::unavailable,
        fmt::format("The guest did not say '{}' within {} s. Give it a longer limit, or "
                    "look what stopped it. {}",
                    plain(options_.until), options_.limit.count() / 1000, last_lines(console_)));
  }
  std::unexpected<Error> lost(std::string_view trouble) const {
    return fail(Kind::unavailable,
                fmt::format("The boot failed: {}. {}", trouble, last_lines(console_)));
  }
  std::unexpected<Error> ended() {
    const auto status = process_.wait(std::chrono::seconds(5));
    const auto said = trim(errors_);
    if (status && *status && **status == 0 && said.empty()) {
      return lost(
          fmt::format("the guest switched itself off before it said '{}'", plain(options_.until)));
    }
    return lost(fmt::format("{} ended with status {}: {}", qemu_program,
                            status && *status ? **status : -1,
                            said.empty() ? "it did not say why" : plain(said)));
  }

  const BootOptions& options_;
  os::Process& process_;
  Qmp qmp_;
  const SteadyTime start_ = system_clock().steady();
  Bytes buffer_ = Bytes(16 << 10);
  std::string console_;
  std::string errors_;
  bool console_open_ = true;
  bool errors_open_ = true;
};

Result<> check(const BootOptions& options) {
  if (options.until.empty() || options.until.size() > until_bytes_max) {
    return fail(Kind::invalid, "The text to wait for must have 1 to 4096 bytes.");
  }
  if (options.cpus < 1 || options.cpus > 64) {
    return fail(Kind::invalid,
                fmt::format("A guest has 1 to 64 processors, not {}.", options.cpus));
  }
  if (options.memory_mib < 32 || options.memory_mib > (1u << 20)) {
    return fail(Kind::invalid, fmt::format("A guest has 32 MiB to 1 TiB of memory, not {} MiB.",
                                           options.memory_mib));
  }
  if (!TRY(os::exists(options.work_folder))) {
    return fail(Kind::not_found, fmt::format("The folder '{}' for the guest's overlay does not "
                                             "exist; create it first.",
                                             options.work_folder));
  }
  return {};
}

}  // namespace

Result<BootReport> boot(const BootOptions& options) {
  TRY(check(options));
  const auto address = TRY(parse_export_uri(options.nbd_uri));
  BootReport report;
  report.accelerator = TRY(find_accelerator());
  const auto disk_bytes =
      options.disk_bytes != 0 ? options.disk_bytes : TRY(find_disk_bytes(options.nbd_uri));

  const auto stem = options.work_folder + "/guest-" + system_random().hex(8);
  const auto overlay_path = stem + ".qcow2";
  TRY(create_overlay(overlay_path, disk_bytes));
  Temporary overlay(overlay_path);
  const Temporary variables(stem + ".vars");
  const auto firmware = options.uefi ? TRY(prepare_uefi(stem + ".vars")) : Firmware();

  auto control = TRY(os::socket_pair());
  const int inherited[] = {control.far.descriptor()};
  auto process = os::Process::start(
      command_line(options, address, report.accelerator, overlay_path, firmware), inherited);
  if (!process) return std::unexpected(explain_missing(std::move(process.error())));
  {
    const os::Socket close_now = std::move(control.far);
  }

  Watch watch(options, *process, Qmp(std::move(control.near)));
  const auto took = watch.until_text();
  watch.end_guest();
  if (!took) return std::unexpected(took.error());
  report.until_text = *took;
  report.overlay_bytes = TRY(TRY(os::File::open_read(overlay_path)).size_bytes());
  if (options.keep_overlay) {
    overlay.keep();
    report.overlay_path = overlay_path;
  }
  return report;
}

}  // namespace pinaco::machine
