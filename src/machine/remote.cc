// States as QEMU has them (qapi/run-state.json), with -no-shutdown: "shutdown" is a guest that
// switched itself off; "prelaunch" one that was reset and not let go, which is how force stops it.
#include "machine/remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "machine/control.h"
#include "machine/description.h"
#include "machine/overlay.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds patience = std::chrono::seconds(20);
constexpr Milliseconds unplug_within = std::chrono::seconds(30);
constexpr std::size_t picture_bytes_max = 64 << 20;

// A socket in a folder, however long the folder's path is.
Result<os::Socket> connect_in(const std::string& folder, std::string_view name) {
  const auto opened = TRY(os::File::open_read(folder));
  return os::Socket::connect_unix(fmt::format("/proc/self/fd/{}/{}", opened.descriptor(), name));
}

}  // namespace

Result<> tell_supervisor(const std::string& folder, const Json& what) {
  const auto socket = TRY(connect_in(folder, "control"));
  TRY(send_line(socket, what, patience));
  const auto line = TRY(receive_line(socket, description_bytes_max, patience));
  return from_answer(TRY(parse_json(line)));
}

Result<Remote> Remote::connect(const std::string& folder, std::function<bool()> stopped) {
  auto socket = TRY(connect_in(folder, "qmp"));
  Remote remote(Qmp(std::move(socket)), std::move(stopped));
  TRY(remote.qmp_.start(patience));
  return remote;
}

Result<Json> Remote::execute(std::string_view command, JsonObject arguments) {
  return qmp_.execute(command, std::move(arguments), patience);
}

Result<State> Remote::state() {
  const auto answer = TRY(execute("query-status"));
  const auto status = string_at(answer, "status");
  for (const auto* stopped : {"shutdown", "prelaunch", "paused"}) {
    if (status == stopped) return State::stopped;
  }
  for (const auto* broken : {"io-error", "guest-panicked", "internal-error"}) {
    if (status == broken) return State::broken;
  }
  return State::running;
}

Result<bool> Remote::press_power_button(Milliseconds grace) {
  if (grace <= Milliseconds(0)) return false;
  TRY(execute("system_powerdown"));
  const auto end = system_clock().steady() + grace;
  // A guest may have obeyed before the button; then no event comes.
  while (TRY(state()) == State::running) {
    const auto left = std::chrono::ceil<Milliseconds>(end - system_clock().steady());
    if (left <= Milliseconds(0)) return false;
    if (stopped_ && stopped_()) {
      return fail(Kind::cancelled, "The wait for the guest was stopped.");
    }
    (void)TRY(qmp_.wait_event("STOP", std::min(left, Milliseconds(200))));
  }
  return TRY(state())
  == State::stopped;
}

Result<> Remote::reset() {
  TRY(execute("stop"));
  TRY(execute("system_reset"));
  if (!TRY(qmp_.wait_event("RESET", patience))) {
    return fail(Kind::unavailable, "QEMU does not reset the guest.");
  }
  return {};
}

Result<> Remote::power_off(Milliseconds grace) {
  const auto now = TRY(state());
  if (now == State::stopped) return {};
  if (now == State::running && TRY(press_power_button(grace))) return {};
  return reset();
}

Result<> Remote::power_on() {
  TRY(reset());
  TRY(execute("cont"));
  return {};
}

Result<> Remote::restart(Milliseconds grace) {
  if (TRY(state()) == State::running) (void)TRY(press_power_button(grace));
  return power_on();
}

Result<> Remote::resume() {
  switch (TRY(state())) {
    case State::running:
      return {};
    case State::broken:
      // A panicked guest only halts on, and nobody could see any more that it had panicked.
      if (string_at(TRY(execute("query-status")), "status") != "io-error") {
        return fail(Kind::conflict, "The guest does not wait for a disk; restart it.");
      }
      TRY(execute("cont"));
      return {};
    default:
      return fail(Kind::conflict, "The guest is stopped; start it.");
  }
}

Result<> Remote::quit() {
  // It answers before it ends; whoever hangs up before that may not have been heard.
  const auto answer = execute("quit");
  if (!answer && qmp_.is_open()) return std::unexpected(answer.error());
  return {};
}

Result<std::vector<Remote::Node>> Remote::nodes_of(const std::string& slot) {
  const auto answer = TRY(execute("query-named-block-nodes", {{"flat", true}}));
  std::vector<Node> nodes;
  if (!answer.is_array()) return nodes;
  const auto prefix = slot + ".";
  std::map<std::string, std::string> paths;  // by the name of the file's node
  for (const auto& each : answer.get_array()) {
    const auto name = string_at(each, "node-name");
    if (!name.starts_with(prefix)) continue;
    if (name.ends_with(file_suffix)) {
      paths.emplace(name, string_at(each, "file"));
      continue;
    }
    const auto number = parse_int(name.substr(prefix.size()), 0, 100'000);
    nodes.push_back({.number = number ? static_cast<int>(*number) : -1,
                     .name = std::string(name),
                     .size_bytes = static_cast<std::uint64_t>(int_at(each, "image.virtual-size"))});
  }
  for (auto& node : nodes) node.path = paths[node.name + std::string(file_suffix)];
  std::ranges::sort(nodes, std::greater(), &Node::number);
  return nodes;
}

Result<std::optional<std::string>> Remote::find_device(const std::string& slot) {
  const auto answer = TRY(execute("query-block"));
  if (!answer.is_array()) return std::optional<std::string>();
  // The device's id, or its place in QEMU's tree, of which the id is a part.
  const auto wanted = "/" + device_of(slot) + "/";
  for (const auto& each : answer.get_array()) {
    const auto place = fmt::format("/{}/", string_at(each, "qdev"));
    if (place.find(wanted) == std::string::npos) continue;
    return std::optional(std::string(string_at(each, "inserted.node-name")));
  }
  return std::optional<std::string>();
}

Result<> Remote::remove_nodes(const std::string& slot) {
  for (const auto& node : TRY(nodes_of(slot))) {
    TRY(execute("blockdev-del", {{"node-name", node.name}}));
  }
  return {};
}

Result<> Remote::attach(const Disk& disk) {
  if (!lun_of(disk.slot)) {
    return fail(Kind::conflict, "The disk of the operating system stays where it is.");
  }
  if (TRY(find_device(disk.slot))) {
    const auto nodes = TRY(nodes_of(disk.slot));
    if (!nodes.empty() && nodes.front().path == disk.overlay_path) return {};
    return fail(Kind::conflict, fmt::format("Another disk is in the slot {}.", disk.slot));
  }
  TRY(remove_nodes(disk.slot));  // what an attach left that was interrupted
  TRY(ensure_overlay(disk.overlay_path, disk.size_bytes));
  Result<> done;
  for (auto& node : disk_nodes(disk)) {
    if (!done) break;
    if (auto added = execute("blockdev-add", std::move(node.get_object())); !added) {
      done = std::unexpected(added.error());
    }
  }
  if (done) {
    auto added = execute("device_add", disk_device(disk).get_object());
    if (!added) done = std::unexpected(added.error());
  }
  if (!done) (void)remove_nodes(disk.slot);
  return done;
}

Result<> Remote::detach(const std::string& slot) {
  if (!lun_of(slot)) {
    return fail(Kind::conflict, "The disk of the operating system stays where it is.");
  }
  if (TRY(find_device(slot))) {
    TRY(execute("device_del", {{"id", device_of(slot)}}));
    const auto end = system_clock().steady() + unplug_within;
    while (TRY(find_device(slot))) {
      const auto left = std::chrono::ceil<Milliseconds>(end - system_clock().steady());
      if (left <= Milliseconds(0)) {
        return fail(Kind::unavailable,
                    fmt::format("The guest does not let go of its disk {}.", slot));
      }
      (void)TRY(qmp_.wait_event("DEVICE_DELETED", left));
    }
  }
  return remove_nodes(slot);
}

Result<> Remote::freeze(const std::string& slot, const std::string& new_overlay_path) {
  const auto in_use = TRY(find_device(slot));
  auto nodes = TRY(nodes_of(slot));
  // A freeze that was interrupted may have left a node that nobody uses.
  while (!nodes.empty() && in_use && nodes.front().name != *in_use) {
    TRY(execute("blockdev-del", {{"node-name", nodes.front().name}}));
    nodes.erase(nodes.begin());
  }
  if (!in_use || nodes.empty()) {
    return fail(Kind::not_found, fmt::format("No disk is in the slot {}.", slot));
  }
  const auto& top = nodes.front();
  if (top.path == new_overlay_path) return {};
  const auto name = fmt::format("{}.{}", slot, top.number + 1);
  const auto created = create_overlay(new_overlay_path, top.size_bytes);
  if (!created) {
    if (created.error().kind != Kind::conflict) return created;
    // Left by a freeze that was interrupted: then nothing was written to it.
    if (!TRY(is_empty_overlay(new_overlay_path, top.size_bytes))) return created;
  }
  TRY(execute("blockdev-add", std::move(overlay_node(name, "", new_overlay_path).get_object())));
  auto done = execute("blockdev-snapshot", {{"node", top.name}, {"overlay", name}});
  if (done) return {};
  (void)execute("blockdev-del", {{"node-name", name}});
  return std::unexpected(done.error());
}

Result<Bytes> Remote::screenshot(const std::string& path) {
  TRY(execute("screendump", {{"filename", path}, {"format", "png"}}));
  const auto picture = TRY(os::read_file(path, picture_bytes_max));
  TRY(os::remove_file(path));
  const auto bytes = as_bytes(picture);
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace pinaco::machine
