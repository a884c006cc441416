// Files over the plain POSIX calls: positioned I/O that survives short transfers and signals,
// and the order of calls that makes a file durable.
#include "os/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>

namespace pinaco::os {
namespace {

constexpr mode_t file_mode = 0600;
constexpr mode_t folder_mode = 0700;
constexpr std::size_t folder_names_max = 4'000'000;
constexpr std::uint64_t offset_max = std::numeric_limits<off_t>::max();

// Calls again while a signal interrupted the call.
template <typename Call>
auto repeat(const Call& call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

Result<File> open_file(const std::string& path, int flags, std::string_view doing) {
  const int descriptor = repeat([&] { return ::open(path.c_str(), flags | O_CLOEXEC, file_mode); });
  if (descriptor >= 0) return File(descriptor);
  if (errno == EEXIST) {
    return fail(Kind::conflict, fmt::format("{} {}: it exists already", doing, path));
  }
  return fail(system_error(fmt::format("{} {}", doing, path), errno));
}

Result<> check_range(std::string_view doing, std::uint64_t offset, std::uint64_t length) {
  if (offset <= offset_max && length <= offset_max - offset) return {};
  return fail(Kind::invalid,
              fmt::format("{}: {} bytes at offset {} are beyond what a file can hold", doing,
                          length, offset));
}

std::string folder_of(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  if (end == std::string::npos) return path.empty() ? "." : "/";
  const auto slash = path.find_last_of('/', end);
  if (slash == std::string::npos) return ".";
  const auto last = path.find_last_not_of('/', slash);
  return last == std::string::npos ? "/" : path.substr(0, last + 1);
}

enum class What { nothing, folder, other };

Result<What> what_is(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0) {
    return S_ISDIR(status.st_mode) ? What::folder : What::other;
  }
  if (errno == ENOENT) return What::nothing;
  return fail(system_error(fmt::format("looking at {}", path), errno));
}

// Where the kernel or the file system cannot punch, writing zeros reads the same.
Result<> write_zeros(const File& file, std::uint64_t offset, std::uint64_t length) {
  static constexpr std::array<std::uint8_t, 65536> zeros = {};
  const std::uint64_t size = TRY(file.size_bytes());
  const std::uint64_t end = std::min(size, offset + length);
  while (offset < end) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(end - offset, zeros.size()));
    TRY(file.write_exact(offset, ByteView(zeros).first(part)));
    offset += part;
  }
  return {};
}

// A file that removes itself unless it was kept: what a failed write leaves behind is nothing.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!kept_) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

File::~File() {
  // An error of close tells nothing that sync() did not: durable files are synced before.
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<File> File::open_read(const std::string& path) {
  return open_file(path, O_RDONLY, "opening");
}

Result<File> File::open_write(const std::string& path) {
  return open_file(path, O_RDWR, "opening for writing");
}

Result<File> File::create(const std::string& path) {
  return open_file(path, O_RDWR | O_CREAT | O_EXCL, "creating");
}

Result<std::uint64_t> File::size_bytes() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) {
    return fail(system_error("asking for a file's size", errno));
  }
  return static_cast<std::uint64_t>(status.st_size);
}

Result<> File::read_exact(std::uint64_t offset, MutableBytes into) const {
  TRY(check_range("reading a file", offset, into.size()));
  while (!into.empty()) {
    const auto got = repeat(
        [&] { return ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset)); });
    if (got < 0) {
      return fail(system_error(
          fmt::format("reading {} bytes of a file at offset {}", into.size(), offset), errno));
    }
    if (got == 0) {
      return fail(Kind::corrupt,
                  fmt::format("a file ends at offset {}, {} bytes too early", offset, into.size()));
    }
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<> File::write_exact(std::uint64_t offset, ByteView from) const {
  TRY(check_range("writing a file", offset, from.size()));
  while (!from.empty()) {
    const auto put = repeat([&] {
      return ::pwrite(descriptor_, from.data(), from.size(), static_cast<off_t>(offset));
    });
    if (put < 0) {
      return fail(system_error(
          fmt::format("writing {} bytes of a file at offset {}", from.size(), offset), errno));
    }
    from = from.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Result<> File::punch(std::uint64_t offset, std::uint64_t length) const {
  TRY(check_range("punching a hole", offset, length));
  if (length == 0) return {};
  const int result = repeat([&] {
    return ::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       static_cast<off_t>(offset), static_cast<off_t>(length));
  });
  if (result == 0) return {};
  if (errno == EOPNOTSUPP || errno == ENOSYS) return write_zeros(*this, offset, length);
  return fail(
      system_error(fmt::format("punching {} bytes of a file at offset {}", length, offset), errno));
}

Result<> File::resize(std::uint64_t size_bytes) const {
  TRY(check_range("resizing a file", 0, size_bytes));
  if (repeat([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size_bytes)); }) != 0) {
    return fail(system_error(fmt::format("resizing a file to {} bytes", size_bytes), errno));
  }
  return {};
}

Result<> File::sync() const {
  // Not repeated, not even after EINTR: the kernel may have dropped the pages it failed to write.
  if (::fdatasync(descriptor_) != 0) return fail(system_error("syncing a file", errno));
  return {};
}

Result<std::vector<File::Span>> File::spans(std::uint64_t offset, std::uint64_t length) const {
  TRY(check_range("listing the holes of a file", offset, length));
  const std::uint64_t size = TRY(size_bytes());
  const std::uint64_t end = offset + length;
  if (end > size) {
    return fail(Kind::corrupt, fmt::format("a file of {} bytes has no bytes up to {}", size, end));
  }
  std::vector<Span> found;
  while (offset < end) {
    // Where the next data begins; ENXIO when only a hole follows.
    const off_t data = ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_DATA);
    std::uint64_t until = end;
    bool hole = true;
    if (data >= 0 && static_cast<std::uint64_t>(data) > offset) {
      until = static_cast<std::uint64_t>(data);
    } else if (data >= 0 || errno == EINVAL) {  // EINVAL: a file system that knows no holes
      hole = false;
      const off_t next = ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_HOLE);
      if (next >= 0) until = static_cast<std::uint64_t>(next);
    } else if (errno != ENXIO) {
      return fail(system_error("listing the holes of a file", errno));
    }
    until = std::min(until, end);
    if (until <= offset) until = end;  // the file changed meanwhile; counted as data or hole
    found.push_back({.offset = offset, .length = until - offset, .hole = hole});
    offset = until;
  }
  return found;
}

Result<> make_folders(const std::string& path) {
  if (path.empty()) return fail(Kind::invalid, "making a folder: its path is empty");
  std::vector<std::string> missing;
  for (std::string at = path;; at = folder_of(at)) {
    const What what = TRY(what_is(at));
    if (what == What::folder) break;
    if (what == What::other) {
      return fail(Kind::conflict,
                  fmt::format("making the folder {}: {} exists and is no folder", path, at));
    }
    missing.push_back(at);
  }
  for (; !missing.empty(); missing.pop_back()) {
    const std::string& folder = missing.back();
    // EEXIST: another thread made it meanwhile; its parent is synced once more, which is cheap.
    if (::mkdir(folder.c_str(), folder_mode) != 0 && errno != EEXIST) {
      return fail(system_error(fmt::format("making the folder {}", folder), errno));
    }
    TRY(sync_folder(folder_of(folder)));
  }
  return {};
}

Result<> sync_folder(const std::string& path) {
  const File folder = TRY(open_file(path, O_RDONLY | O_DIRECTORY, "opening the folder"));
  if (::fsync(folder.descriptor()) != 0) {
    return fail(system_error(fmt::format("syncing the folder {}", path), errno));
  }
  return {};
}

Result<bool> exists(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail(system_error(fmt::format("looking for {}", path), errno));
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  const auto close_folder = [](DIR* folder) { ::closedir(folder); };
  const std::unique_ptr<DIR, decltype(close_folder)> folder(::opendir(path.c_str()), close_folder);
  if (!folder) return fail(system_error(fmt::format("listing the folder {}", path), errno));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == folder_names_max) {
      return fail(Kind::invalid,
                  fmt::format("the folder {} holds more than {} names", path, folder_names_max));
    }
    names.emplace_back(name);
  }
  if (errno != 0) return fail(system_error(fmt::format("listing the folder {}", path), errno));
  std::ranges::sort(names);
  return names;
}

Result<> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail(system_error(fmt::format("removing {}", path), errno));
}

Result<> remove_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(system_error("removing the folder " + path, error.value()));
  return {};
}

Result<> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return fail(system_error(fmt::format("renaming {} to {}", from, to), errno));
}

Result<> rename_durably(const std::string& from, const std::string& to) {
  TRY(rename_file(from, to));
  // The new name first: after a crash in between both names may be there, never none.
  TRY(sync_folder(folder_of(to)));
  if (folder_of(from) != folder_of(to)) TRY(sync_folder(folder_of(from)));
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  constexpr std::size_t part_bytes = 65536;
  const File file = TRY(File::open_read(path));
  std::string content;
  for (;;) {
    const std::size_t before = content.size();
    // One byte more than allowed tells a full file from one that is too large.
    const std::size_t wanted = std::min(part_bytes - 1, bytes_max - before) + 1;
    content.resize(before + wanted);
    const auto got = repeat([&] {
      return ::pread(file.descriptor(), content.data() + before, wanted,
                     static_cast<off_t>(before));
    });
    if (got < 0) return fail(system_error(fmt::format("reading {}", path), errno));
    content.resize(before + static_cast<std::size_t>(got));
    if (got == 0) return content;
    if (content.size() > bytes_max) {
      return fail(Kind::invalid,
                  fmt::format("{} holds more than the {} bytes allowed", path, bytes_max));
    }
  }
}

Result<> write_file_durably(const std::string& path, ByteView content) {
  // A name of its own each time, so that two writers of one path never share a file.
  std::string name = path + ".XXXXXX.tmp";
  const int descriptor = ::mkostemps(name.data(), 4, O_CLOEXEC);
  if (descriptor < 0) {
    return fail(system_error(fmt::format("creating a temporary file for {}", path), errno));
  }
  const File file(descriptor);
  TemporaryFile temporary(name);
  TRY(file.write_exact(0, content));
  TRY(file.sync());
  TRY(rename_durably(temporary.path(), path));
  temporary.keep();
  return {};
}

Result<std::uint64_t> free_bytes(const std::string& path) {
  struct statvfs status = {};
  if (repeat([&] { return ::statvfs(path.c_str(), &status); }) != 0) {
    return fail(system_error(fmt::format("asking for the free space at {}", path), errno));
  }
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

Result<File> lock_file(const std::string& path) {
  File file = TRY(open_file(path, O_RDWR | O_CREAT, "opening the lock"));
  // flock belongs to the open file, so a second opening in this process is refused as well.
  if (repeat([&] { return ::flock(file.descriptor(), LOCK_EX | LOCK_NB); }) == 0) return file;
  if (errno == EWOULDBLOCK) {
    return fail(Kind::conflict,
                fmt::format("{} is locked: another process uses it; stop that one first", path));
  }
  return fail(system_error(fmt::format("locking {}", path), errno));
}

Result<File> wait_for_lock(const std::string& path, Milliseconds timeout) {
  constexpr int between_tries_ms = 5;  // flock knows no deadline
  const auto end = system_clock().steady() + timeout;
  while (true) {
    auto lock = lock_file(path);
    if (lock || lock.error().kind != Kind::conflict || system_clock().steady() >= end) return lock;
    (void)::poll(nullptr, 0, between_tries_ms);
  }
}

Result<File> inherited_lock(int descriptor, const std::string& path) {
  struct stat ours = {};
  struct stat theirs = {};
  if (::stat(path.c_str(), &theirs) != 0) return fail(system_error("looking at " + path, errno));
  // Locking it once more changes nothing where it is the same lock, and is refused where another
  // opening of the file holds it.
  if (::fstat(descriptor, &ours) != 0 || ours.st_ino != theirs.st_ino ||
      ours.st_dev != theirs.st_dev || ::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return fail(Kind::conflict, fmt::format("descriptor {} is not the lock {}", descriptor, path));
  }
  return File(descriptor);
}

}  // namespace pinaco::os
