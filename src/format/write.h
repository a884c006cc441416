// What the writers share: going over a disk in chunks that hold data, and a file with holes.
#pragma once

#include "format/format.h"
#include "os/files.h"

namespace pinaco::format {

inline constexpr std::uint64_t chunk_bytes = std::uint64_t{2} << 20;

// Calls visit(offset, bytes) for each aligned chunk of the disk that is not all zeros, in order;
// the last may be short. Between chunks it asks progress, and answers cancelled when told so.
Result<> each_chunk(const DiskReader& disk, const std::function<bool(std::uint64_t)>& progress,
                    const std::function<Result<>(std::uint64_t offset, ByteView bytes)>& visit);

// Writes the bytes but leaves 4 KiB pieces of zeros out; the file must be new there.
Result<> write_sparse(const os::File& file, std::uint64_t offset, ByteView bytes);

// An identifier that depends on nothing but the disk: the same disk gives the same file.
class ContentId {
 public:
  explicit ContentId(std::uint64_t size_bytes);
  void add(std::uint64_t offset, ByteView bytes);
  ByteView first_16() const { return ByteView(state_).first(16); }

 private:
  Bytes state_;
};

Result<> write_dynamic_vhd(const DiskReader& disk, const os::File& file,
                           const std::function<bool(std::uint64_t)>& progress);
Result<> write_qcow2(const DiskReader& disk, const os::File& file,
                     const std::function<bool(std::uint64_t)>& progress);

}  // namespace pinaco::format
