#include "base/bytes.h"

namespace pinaco {

bool is_zero(ByteView bytes) {
  if (bytes.empty()) return true;
  // The first byte is zero and every byte equals the one before it.
  return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace pinaco
