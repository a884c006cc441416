// The ground of the tests that every engine passes: a store of the engine named by the parameter.
#pragma once

#include <gmock/gmock.h>

#include "kv/limits.h"
#include "os/test_folder.h"

namespace pinaco::kv {

class EngineTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string_view("memory")) {
      kv_ = open_memory();
      return;
    }
    auto opened = open_sqlite(folder_ / "kv");
    ASSERT_TRUE(opened) << opened.error().message;
    kv_ = std::move(*opened);
  }

  Result<Revision> put(std::string_view shard, std::string_view key, std::string_view value) {
    return kv_->change(shard, [&](Transaction& change) { return change.put(key, value); });
  }
  Result<Revision> erase(std::string_view shard, std::string_view key) {
    return kv_->change(shard, [&](Transaction& change) { return change.erase(key); });
  }
  std::string get(std::string_view shard, std::string_view key) {
    std::string value = "(absent)";
    EXPECT_TRUE(kv_->read(shard, [&](Reader& reader) -> Result<> {
      if (const auto row = TRY(reader.find(key))) value = row->value;
      return {};
    }));
    return value;
  }
  std::vector<Row> range(std::string_view begin, std::string_view end, std::size_t rows_max) {
    std::vector<Row> rows;
    EXPECT_TRUE(kv_->read("s", [&](Reader& reader) -> Result<> {
      rows = TRY(reader.range(begin, end, rows_max));
      return {};
    }));
    return rows;
  }
  std::vector<Row> range_back(std::string_view begin, std::string_view end, std::size_t rows_max) {
    std::vector<Row> rows;
    EXPECT_TRUE(kv_->read("s", [&](Reader& reader) -> Result<> {
      rows = TRY(reader.range_back(begin, end, rows_max));
      return {};
    }));
    return rows;
  }

  const os::TestFolder folder_;
  std::unique_ptr<Kv> kv_;
};

inline auto every_engine() {
  return testing::Values("memory", "sqlite");
}
inline std::string engine_name(const testing::TestParamInfo<const char*>& chosen) {
  return chosen.param;
}

}  // namespace pinaco::kv
