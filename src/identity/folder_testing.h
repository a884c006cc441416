// For tests: a private folder that goes away with the test, and keys that are made only once.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "identity/keys.h"

namespace pinaco::identity {

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "/identity-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A folder with a key ring in it. Making a key takes a good part of a second, so all tests of a
// run begin with copies of one.
inline void copy_keys_into(const std::string& folder) {
  static const Folder original;
  static const bool made = [] {
    ManualClock clock;
    return KeyRing::open(original.path(), clock).has_value();
  }();
  ASSERT_TRUE(made);
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(original.path() + "/" + std::string(KeyRing::file_name),
                             folder + "/" + std::string(KeyRing::file_name));
}

}  // namespace pinaco::identity
