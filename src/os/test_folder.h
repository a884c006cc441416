// A folder of its own for a test, removed with all it holds at the end. For tests only.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace pinaco::os {

class TestFolder {
 public:
  TestFolder() : path_(testing::TempDir() + "pinaco-XXXXXX") {
    if (!::mkdtemp(path_.data())) ADD_FAILURE() << "no folder can be made like " << path_;
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace pinaco::os
