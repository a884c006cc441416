#include "templates/net_format.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/net_number.h"
#include "templates/units.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

constexpr std::int64_t width_max = 1'000'000;  // .NET's own

std::unexpected<Error> bad_format(std::string_view why) {
  return refuse(
      fmt::format("Unable to evaluate language function 'format': the format is invalid: '{}'. "
                  "Please see https://aka.ms/arm-function-format for usage details.",
                  why));
}

std::unexpected<Error> malformed() {
  return bad_format("Input string was not in a correct format.");
}

class Composite {
 public:
  Composite(std::string_view format, std::span<const Json> arguments, Budget& budget)
      : format_(format), arguments_(arguments), budget_(budget) {}

  Result<std::string> write() {
    while (at_ < format_.size()) {
      const char c = format_[at_++];
      const bool doubled = at_ < format_.size() && format_[at_] == c;
      if (c == '{' && !doubled) {
        TRY(item());
      } else if (c == '}' && !doubled) {
        return malformed();
      } else {
        if (c == '{' || c == '}') at_++;
        out_ += c;
      }
      if (out_.size() > checked_) {
        TRY(check_room(budget_, 1, out_.size()));
        checked_ = out_.size() + 4096;
      }
    }
    return std::move(out_);
  }

 private:
  void spaces() {
    while (at_ < format_.size() && format_[at_] == ' ') at_++;
  }
  bool took(char c) {
    if (at_ == format_.size() || format_[at_] != c) return false;
    at_++;
    return true;
  }

  // Digits; nullopt: none, or a number that no .NET takes.
  std::optional<std::int64_t> number() {
    const std::size_t first = at_;
    while (at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9') at_++;
    return parse_int(format_.substr(first, at_ - first), 0, width_max - 1);
  }

  // What follows an opening brace.
  Result<> item() {
    const auto index = number();
    if (!index) return malformed();
    spaces();
    std::int64_t width = 0;
    bool left = false;
    if (took(',')) {
      spaces();
      left = took('-');
      const auto wanted = number();
      if (!wanted) return malformed();
      width = *wanted;
      spaces();
    }
    std::string_view format;
    if (took(':')) {
      const std::size_t end = format_.find_first_of("{}", at_);
      if (end == std::string_view::npos || format_[end] == '{') return malformed();
      format = format_.substr(at_, end - at_);
      at_ = end;
    }
    if (!took('}')) return malformed();
    if (static_cast<std::size_t>(*index) >= arguments_.size()) {
      return bad_format(
          "Index (zero based) must be greater than or equal to zero and less than the size of the "
          "argument list.");
    }
    return value(arguments_[static_cast<std::size_t>(*index)], format, width, left);
  }

  Result<> value(const Json& argument, std::string_view format, std::int64_t width, bool left) {
    TRY(check_room(budget_, 1,
                   out_.size() + static_cast<std::uint64_t>(width) + text_size_max(argument)));
    std::string text;
    if (argument.is_number() && !format.empty()) {
      // Hundreds of exact digits of a floating-point number take as long as a thousand nodes.
      TRY(budget_.spend(argument.is_double() ? 1000 : 1, 0));
      auto formatted = net_number(argument, format);
      if (!formatted) return bad_format("Format specifier was invalid.");
      text = std::move(*formatted);
    } else {
      text = text_of(argument);
    }
    const std::int64_t missing = std::max<std::int64_t>(0, width - count_units(text));
    const std::string padding(static_cast<std::size_t>(missing), ' ');
    out_ += left ? text + padding : padding + text;
    return {};
  }

  std::string_view format_;
  std::span<const Json> arguments_;
  Budget& budget_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t checked_ = 0;
};

}  // namespace

Result<std::string> net_format(std::string_view format, std::span<const Json> arguments,
                               Budget& budget) {
  return Composite(format, arguments, budget).write();
}

}  // namespace pinaco::templates
