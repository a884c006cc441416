// Files as the store needs them: owned descriptors, positioned reads and writes, and the durable
// order (write, fsync, rename, fsync of the folder). An fsync that failed is never repeated: the
// file counts as lost. New files are private to the user (0600), folders 0700.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace pinaco::os {

// Owns a descriptor. Safe to use from several threads as far as pread and pwrite are.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept;
  ~File();

  static Result<File> open_read(const std::string& path);   // not_found when absent
  static Result<File> open_write(const std::string& path);  // read and write; must exist
  static Result<File> create(const std::string& path);      // read and write; conflict if it exists

  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }
  Result<std::uint64_t> size_bytes() const;
  Result<> read_exact(std::uint64_t offset, MutableBytes into) const;  // corrupt at early end
  Result<> write_exact(std::uint64_t offset, ByteView from) const;
  Result<> punch(std::uint64_t offset, std::uint64_t length) const;  // reads as zeros afterwards
  Result<> resize(std::uint64_t size_bytes) const;
  Result<> sync() const;  // fdatasync

  struct Span {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool hole = false;
  };
  // The data and holes of [offset, offset+length), in order, without gaps.
  Result<std::vector<Span>> spans(std::uint64_t offset, std::uint64_t length) const;

 private:
  int descriptor_ = -1;
};

Result<> make_folders(const std::string& path);  // with parents; each parent synced
Result<> sync_folder(const std::string& path);
Result<bool> exists(const std::string& path);
Result<std::vector<std::string>> list_folder(const std::string& path);  // names, sorted
Result<> remove_file(const std::string& path);                          // absent is fine
Result<> remove_folder(const std::string& path);  // with all it holds; absent is fine
Result<> rename_file(const std::string& from, const std::string& to);  // whole, not yet durable
Result<> rename_durably(const std::string& from, const std::string& to);
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);
// Replaces or creates `path` so that after a crash the old or the new content is there, whole.
Result<> write_file_durably(const std::string& path, ByteView content);
Result<std::uint64_t> free_bytes(const std::string& path);
// Holds the lock until destroyed; conflict when another process has it.
Result<File> lock_file(const std::string& path);
// Waits for it; conflict when the time is over.
Result<File> wait_for_lock(const std::string& path, Milliseconds timeout);
// The lock on `path` that the program which started this one took and left us as `descriptor`;
// conflict when the descriptor is no such lock.
Result<File> inherited_lock(int descriptor, const std::string& path);

}  // namespace pinaco::os
