// What the bytes of a file look like: the marks of the formats we take, and of those we refuse.
#pragma once

#include "format/format.h"

namespace pinaco::format {

struct Mark {
  std::string_view name;       // for people: "VHDX disk image"
  std::optional<Format> ours;  // when we can open it
  std::uint64_t byte = 0;      // where the mark is
};

// Every format whose mark is there, at most one mark each; none for a raw disk.
Result<std::vector<Mark>> find_marks(const Source& source);

}  // namespace pinaco::format
