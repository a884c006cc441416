// The catalogue of malformed images: each row a valid image with one fault, and the code it must
// be refused with. Ids are those of the catalogue; ids of our own end in a letter after a dash.
#pragma once

#include "format/test_images.h"

namespace pinaco::format::testing {

struct Row {
  std::string id;
  std::string fault;
  Format stated;
  std::function<Bytes()> build;
  std::string code;  // empty: accepted
};

inline void PrintTo(const Row& row, std::ostream* out) {
  *out << row.id << " " << row.fault;
}

inline std::string name_of(const ::testing::TestParamInfo<Row>& info) {
  auto name = info.param.id + "_" + info.param.fault;
  for (auto& letter : name) {
    if (!isalnum(static_cast<unsigned char>(letter))) letter = '_';
  }
  return name;
}

// The verdict is the row's, the same each time, in words of use.
inline void expect_verdict(const Row& row) {
  const auto image = row.build();
  const auto error = verdict(in_memory(image), row.stated);
  EXPECT_EQ(error.code, row.code) << error.message;
  const auto again = verdict(in_memory(image), row.stated);
  EXPECT_EQ(again.message, error.message);
  if (row.code.empty()) {
    EXPECT_EQ(error.message, "");
    return;
  }
  EXPECT_EQ(error.kind, Kind::invalid);
  // A message says what, where and what to do, and carries no bytes of the image.
  EXPECT_GT(error.message.size(), 60u);
  EXPECT_TRUE(error.message.ends_with(".")) << error.message;
  EXPECT_EQ(error.message.find("passwd"), std::string::npos) << error.message;
  ASSERT_EQ(error.details.size(), 2u);
  EXPECT_EQ(error.details[0].code, "Format");
  EXPECT_EQ(error.details[1].code, "Offset");
}

}  // namespace pinaco::format::testing
