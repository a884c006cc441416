// DiskReader is one of the three waists: any disk that can be read, be it an uploaded file, a
// stored image or an image in another region.
//
// Threads: any number may read at once; there is no position. Lifetime: a reader keeps alive
// what it reads from. Limits: size_bytes is fixed for the reader's life. Errors: corrupt when
// stored bytes fail their check, unavailable when they cannot be had now; a failed read leaves
// `into` unspecified.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace pinaco {

struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool zero = false;  // certainly reads as zeros; false says nothing about the bytes
  bool operator==(const Extent&) const = default;
};

class DiskReader {
 public:
  virtual ~DiskReader() = default;
  virtual std::uint64_t size_bytes() const = 0;
  // Fills `into` with the disk's bytes from `offset` on. [offset, offset + into.size()) must lie
  // inside the disk, else invalid.
  virtual Result<> read(std::uint64_t offset, MutableBytes into) const = 0;
  // As read(), but never waits, for threads that serve many: false, and `into` is unspecified, when
  // the bytes are not in memory.
  virtual Result<bool> read_now(std::uint64_t /*offset*/, MutableBytes /*into*/) const {
    return false;
  }
  // Covers [offset, offset + length) in order, without gaps or overlaps; neighbours may have the
  // same kind. Never empty unless length is 0.
  virtual Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const = 0;
};

}  // namespace pinaco
