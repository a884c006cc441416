// A request's target, taken apart: the path without a "/" at its end, and what was asked by name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pinaco::guest {

class Query {
 public:
  explicit Query(std::string_view target);
  const std::string& path() const { return path_; }
  std::string_view get(std::string_view name) const;  // the first, ignoring case; "" when absent

 private:
  std::string path_;
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace pinaco::guest
