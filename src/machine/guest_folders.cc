#include "machine/guest_folders.h"

#include <fmt/format.h>

#include "base/log.h"
#include "machine/console_log.h"
#include "machine/control.h"
#include "machine/description.h"
#include "machine/remote.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds moment = std::chrono::seconds(3);
constexpr Milliseconds start_within = std::chrono::seconds(30);
constexpr Milliseconds end_within = std::chrono::seconds(20);
constexpr std::size_t note_bytes_max = 4 << 20;

}  // namespace

std::string GuestFolders::path_of(const std::string& id, std::string_view name) const {
  return fmt::format("{}/{}/{}", folder_, id, name);
}

std::shared_ptr<GuestFolders::Gate> GuestFolders::gate_of(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto& known = gates_[id];
  if (auto gate = known.lock()) return gate;
  std::erase_if(gates_,
                [&](const auto& each) { return each.first != id && each.second.expired(); });
  auto gate = std::make_shared<Gate>();
  gates_[id] = gate;
  return gate;
}

GuestFolders::Turn GuestFolders::wait_turn(const std::string& id) {
  auto gate = gate_of(id);
  {
    std::unique_lock lock(gate->mutex);
    gate->left.wait(lock, [&] { return !gate->taken; });
    gate->taken = true;
  }
  return Turn(std::move(gate));
}

Result<GuestFolders::Turn> GuestFolders::take_turn(const std::string& id) {
  auto gate = gate_of(id);
  {
    std::unique_lock lock(gate->mutex);
    if (!gate->left.wait_for(lock, moment, [&] { return !gate->taken; })) {
      return fail(
          Kind::unavailable,
          fmt::format("The guest {} is busy: its disks may be on their way. Ask again.", id));
    }
    gate->taken = true;
  }
  return Turn(std::move(gate));
}

GuestFolders::Turn::~Turn() {
  if (!gate_) return;  // moved away
  const std::lock_guard lock(gate_->mutex);
  gate_->taken = false;
  gate_->left.notify_one();
}

Result<bool> GuestFolders::lives(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto path = path_of(id, "lock");
  if (!TRY(os::exists(path))) return false;
  const auto taken = os::lock_file(path);
  if (taken) return false;
  if (taken.error().kind == Kind::conflict) return true;
  return std::unexpected(taken.error());
}

Result<> GuestFolders::check_lives(const std::string& id) {
  if (TRY(lives(id))) return {};
  return fail(Kind::not_found, fmt::format("The guest {} does not run.", id));
}

std::vector<std::string> GuestFolders::list() const {
  auto names = os::list_folder(folder_).value_or(std::vector<std::string>());
  std::erase_if(names, [](const std::string& name) { return !check_id(name); });
  return names;
}

Json GuestFolders::read_note(const std::string& id, std::string_view name) const {
  const auto text = os::read_file(path_of(id, name), note_bytes_max);
  if (!text) return JsonObject();
  return parse_json(*text).value_or(JsonObject());
}

guest::Report GuestFolders::report_of(const std::string& id) const {
  return report_from(read_note(id, "report.json"));
}

Result<Json> GuestFolders::launch(const std::string& id, ByteView disc, const Json& begin) {
  TRY(os::make_folders(folder_of(id)));
  auto lock = [&] {
    const std::lock_guard look(mutex_);
    return os::lock_file(path_of(id, "lock"));
  }();
  if (!lock) return std::unexpected(lock.error());
  for (const auto* old : {"ended.json", "report.json", "disc.iso", "supervisor.log", "qmp"}) {
    TRY(os::remove_file(path_of(id, old)));
  }
  if (!disc.empty()) TRY(os::write_file_durably(path_of(id, "disc.iso"), disc));

  auto channel = TRY(os::socket_pair());
  auto command = supervisor_;
  command.push_back(folder_of(id));
  {
    const os::Socket far = std::move(channel.far);
    const os::File ours = std::move(*lock);  // from here on the supervisor's alone
    const int inherited[] = {ours.descriptor(), far.descriptor()};
    TRY(os::start_detached(command, path_of(id, "supervisor.log"), inherited));
  }
  auto begun = [&]() -> Result<Json> {
    TRY(send_line(channel.near, begin, start_within));
    const auto line = TRY(receive_line(channel.near, note_bytes_max, start_within));
    auto answer = TRY(parse_json(line));
    TRY(from_answer(answer));
    return answer;
  }();
  if (!begun && !has_ended(id, end_within)) {
    LOG(warning, "machine", "the guest {} does not start, and its supervisor does not end", id);
  }
  return begun;
}

Result<> GuestFolders::tell(const std::string& id, const Json& what) const {
  return tell_supervisor(folder_of(id), what);
}

Result<std::string> GuestFolders::console(const std::string& id) const {
  TRY(check_id(id));
  const auto path = path_of(id, "console.log");
  if (!TRY(os::exists(path))) {
    return fail(Kind::not_found, fmt::format("The guest {} was never started.", id));
  }
  return read_console(path);
}

bool GuestFolders::has_ended(const std::string& id, Milliseconds within) const {
  return os::wait_for_lock(path_of(id, "lock"), within).has_value();
}

}  // namespace pinaco::machine
