#include "base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pinaco {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::invalid:
      return "invalid";
    case Kind::denied:
      return "denied";
    case Kind::not_found:
      return "not found";
    case Kind::conflict:
      return "conflict";
    case Kind::quota:
      return "quota";
    case Kind::busy:
      return "busy";
    case Kind::unavailable:
      return "unavailable";
    case Kind::corrupt:
      return "corrupt";
    case Kind::cancelled:
      return "cancelled";
  }
  return "unknown";
}

Error system_error(std::string_view doing, int error_number) {
  Kind kind = Kind::unavailable;
  if (error_number == ENOENT) kind = Kind::not_found;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EMFILE ||
      error_number == ENFILE) {
    kind = Kind::busy;
  }
  char text[128] = {};
  // The GNU form returns the text, which need not be in the buffer.
  const char* reason = strerror_r(error_number, text, sizeof text);
  return Error{.kind = kind, .message = std::string(doing) + ": " + reason};
}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "pinaco: internal error: %s does not hold (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace pinaco
