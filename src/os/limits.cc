#include "os/limits.h"

#include <sys/resource.h>

#include <algorithm>

namespace pinaco::os {

Result<std::uint64_t> allow_open_files(std::uint64_t wanted) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(system_error("asking how many files may be open", errno));
  }
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(system_error("asking for more open files", errno));
  }
  return limit.rlim_cur;
}

}  // namespace pinaco::os
