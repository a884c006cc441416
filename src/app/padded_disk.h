// A disk made as large as the cloud takes it: whole MiB, at least 20, with zeros at its end.
#pragma once

#include "base/disk_reader.h"

namespace pinaco::app {

// The size of a disk of `size_bytes` once padded.
std::uint64_t padded_bytes(std::uint64_t size_bytes);

// `disk` outlives it.
class PaddedDisk final : public DiskReader {
 public:
  explicit PaddedDisk(const DiskReader& disk)
      : disk_(disk), size_bytes_(padded_bytes(disk.size_bytes())) {}
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override;
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override;

 private:
  const DiskReader& disk_;
  const std::uint64_t size_bytes_;
};

}  // namespace pinaco::app
