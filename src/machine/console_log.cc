#include "machine/console_log.h"

namespace pinaco::machine {
namespace {

constexpr std::size_t file_bytes_max = 2 * console_bytes_max;

}  // namespace

Result<ConsoleLog> ConsoleLog::create(const std::string& path) {
  TRY(os::remove_file(path));
  return ConsoleLog(path, TRY(os::File::create(path)));
}

Result<> ConsoleLog::append(ByteView piece) {
  if (piece.size() > console_bytes_max) piece = piece.last(console_bytes_max);
  if (size_bytes_ + piece.size() > file_bytes_max) {
    // A new file takes its place, so that a reader sees the one or the other, whole.
    Bytes kept(console_bytes_max);
    TRY(file_.read_exact(size_bytes_ - kept.size(), kept));
    const auto new_path = path_ + ".new";
    TRY(os::remove_file(new_path));
    auto file = TRY(os::File::create(new_path));
    TRY(file.write_exact(0, kept));
    TRY(os::rename_durably(new_path, path_));
    file_ = std::move(file);
    size_bytes_ = kept.size();
  }
  TRY(file_.write_exact(size_bytes_, piece));
  size_bytes_ += piece.size();
  return {};
}

Result<std::string> read_console(const std::string& path) {
  auto text = TRY(os::read_file(path, file_bytes_max));
  if (text.size() > console_bytes_max) text.erase(0, text.size() - console_bytes_max);
  return text;
}

}  // namespace pinaco::machine
