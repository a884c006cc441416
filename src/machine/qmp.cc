#include "machine/qmp.h"

#include <fmt/format.h>

#include <algorithm>

namespace pinaco::machine {
namespace {

constexpr std::size_t line_bytes_max = 1 << 20;
constexpr std::size_t events_max = 1000;

Milliseconds left_until(SteadyTime end) {
  return std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(end - system_clock().steady()));
}

}  // namespace

Result<> Qmp::send(std::string_view command, JsonObject arguments, std::int64_t id) const {
  JsonObject message = {{"execute", command}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = std::move(arguments);
  const auto line = to_text(message) + "\n";
  return socket_.write_all(as_bytes(line), std::chrono::seconds(5));
}

Result<> Qmp::start(Milliseconds timeout) {
  TRY(execute("qmp_capabilities", {}, timeout));
  return {};
}

Result<Json> Qmp::execute(std::string_view command, JsonObject arguments, Milliseconds timeout) {
  const auto end = system_clock().steady() + timeout;
  answer_.reset();
  TRY(send(command, std::move(arguments), ++last_id_));
  while (!answer_) {
    if (!open_) return fail(Kind::unavailable, "The guest's QEMU has ended.");
    if (!TRY(socket_.wait_readable(left_until(end)))) {
      return fail(Kind::unavailable, fmt::format("QEMU does not answer to {} within {} ms.",
                                                 command, timeout.count()));
    }
    TRY(receive());
  }
  if (const auto* error = find_path(*answer_, "error")) {
    return fail(Kind::conflict,
                fmt::format("QEMU refuses {}: {}", command, string_at(*error, "desc")));
  }
  const auto* value = find_path(*answer_, "return");
  return value != nullptr ? *value : Json();
}

Result<> Qmp::receive() {
  Bytes buffer(16 << 10);
  const auto got = socket_.read_some(buffer, Milliseconds(0));
  if (!got || *got == 0) {
    open_ = false;
    return {};
  }
  input_.append(as_text(ByteView(buffer).first(*got)));
  std::size_t begin = 0;
  for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n', begin)) {
    TRY(take_line(std::string_view(input_).substr(begin, end - begin)));
    begin = end + 1;
  }
  input_.erase(0, begin);
  if (input_.size() > line_bytes_max) return fail(Kind::corrupt, "QEMU sends an endless line.");
  return {};
}

Result<> Qmp::take_line(std::string_view line) {
  if (line.size() > line_bytes_max) return fail(Kind::corrupt, "QEMU sends too long a line.");
  auto message = parse_json(line);
  if (!message || !message->is_object()) {
    return fail(Kind::corrupt, "What answers in QEMU's place does not speak QMP.");
  }
  if (find_path(*message, "event") != nullptr) {
    events_.push_back(std::move(*message));
    if (events_.size() > events_max) events_.pop_front();
  } else if (last_id_ != 0 && int_at(*message, "id") == last_id_) {
    answer_ = std::move(*message);
  }
  return {};  // the greeting, and answers that nobody waits for any more
}

std::optional<Json> Qmp::take_event() {
  if (events_.empty()) return std::nullopt;
  Json event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Result<bool> Qmp::wait_event(std::string_view name, Milliseconds timeout) {
  const auto end = system_clock().steady() + timeout;
  while (true) {
    while (const auto event = take_event()) {
      if (string_at(*event, "event") == name) return true;
    }
    if (!open_) return fail(Kind::unavailable, "The guest's QEMU has ended.");
    if (!TRY(socket_.wait_readable(left_until(end)))) return false;
    TRY(receive());
  }
}

std::optional<std::string> find_trouble(const Json& event) {
  const auto name = string_at(event, "event");
  if (name == "BLOCK_IO_ERROR") {
    return fmt::format("the guest's disk failed: {} of {} ended with '{}'",
                       string_at(event, "data.operation"), string_at(event, "data.node-name"),
                       string_at(event, "data.reason"));
  }
  if (name == "GUEST_PANICKED") return "the guest panicked";
  return std::nullopt;
}

}  // namespace pinaco::machine
