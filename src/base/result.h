// Errors are values: Result<T> carries a T or an Error; TRY passes the error on; CHECK is for
// our own bugs and is always on.
//
// An Error says who should act (its kind), what happened in words for the user (its message)
// and, where the REST contract names one, the exact code and target. Errors are logged once,
// where they stop.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace pinaco {

enum class Kind {
  invalid,      // the caller must change the request
  denied,       // the caller may not do this
  not_found,    // it is not there
  conflict,     // it is there, in a state that forbids this
  quota,        // a limit of the caller is used up
  busy,         // we are full: try again later
  unavailable,  // the outcome is unknown: callers repeat
  corrupt,      // stored bytes are not what they should be
  cancelled,    // somebody stopped it
};

std::string_view to_string(Kind kind);

struct Error {
  Kind kind = Kind::invalid;
  std::string message;
  std::string code = {};    // an ARM error code; empty: the kind's usual one
  std::string target = {};  // the member or parameter that is wrong
  std::vector<Error> details = {};
};

template <typename T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}
inline std::unexpected<Error> fail(Kind kind, std::string message) {
  return std::unexpected<Error>(Error{.kind = kind, .message = std::move(message)});
}

// An error of the operating system: "doing: what strerror says". ENOSPC and EMFILE are busy,
// ENOENT is not_found, anything else is unavailable.
Error system_error(std::string_view doing, int error_number);

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace pinaco

// The value of a Result, or a return of its error from the enclosing function. Each use has a
// name of its own, so that one may stand in the argument of another.
#define TRY(...) TRY_COUNTED(__COUNTER__, __VA_ARGS__)
#define TRY_COUNTED(number, ...) TRY_NAMED(number, __VA_ARGS__)
#define TRY_NAMED(number, ...)                                                                \
  __extension__({                                                                             \
    auto&& try_result_##number = (__VA_ARGS__);                                               \
    if (!try_result_##number) return std::unexpected(std::move(try_result_##number.error())); \
    std::move(try_result_##number).operator*();                                               \
  })

#define CHECK(...) \
  ((__VA_ARGS__) ? (void)0 : ::pinaco::check_failed(#__VA_ARGS__, __FILE__, __LINE__))
