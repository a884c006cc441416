// Running the programs that other people read images with. For tests only.
#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "format/test_images.h"

extern char** environ;

namespace pinaco::format::testing {

// Runs a program found on the path, without a shell; its output goes to ours. -1: not found.
inline int run(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return -1;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

inline void write_file(const std::string& path, ByteView content) {
  std::ofstream file(path, std::ios::binary);
  file.write(as_text(content).data(), static_cast<std::streamsize>(content.size()));
  ASSERT_TRUE(file.flush());
}

inline Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline bool has_tool(const char* tool) {
  static const auto found = [](const char* name) {
    std::string path = getenv("PATH") ? getenv("PATH") : "";
    for (const auto folder : split(path, ':')) {
      if (access((std::string(folder) + "/" + name).c_str(), X_OK) == 0) return true;
    }
    return false;
  };
  return found(tool);
}

}  // namespace pinaco::format::testing

// Skips loudly without the tool; on a build server that is a failure.
#define NEED_TOOL(tool)                                                          \
  if (!::pinaco::format::testing::has_tool(tool)) {                              \
    if (getenv("CI") != nullptr) FAIL() << tool << " is missing; install it";    \
    GTEST_SKIP() << tool << " is missing, so that nothing was compared with it"; \
  }
