// A refusal as OAuth 2.0 (RFC 6749 section 5.2) and Entra ID say it: "AADSTS<number>: text".
// Plain values and pure functions.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace pinaco::identity {

struct Refusal {
  int status = 400;
  std::string error;
  int number = 0;
  std::string text;
  Seconds retry_after{0};  // for the Retry-After header; 0: none
};

template <typename T>
using Answer = std::expected<T, Refusal>;

std::unexpected<Refusal> refuse(int status, std::string error, int number, std::string text);
std::unexpected<Refusal> missing_field(std::string_view name);
std::unexpected<Refusal> wrong_method(std::string_view wanted);
// An Error of the inner rooms, as the login surface says it.
std::unexpected<Refusal> refuse(const Error& error);

}  // namespace pinaco::identity
