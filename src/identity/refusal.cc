#include "identity/refusal.h"

#include <fmt/format.h>

#include "base/log.h"

namespace pinaco::identity {

std::unexpected<Refusal> refuse(int status, std::string error, int number, std::string text) {
  return std::unexpected(Refusal{status, std::move(error), number, std::move(text)});
}

std::unexpected<Refusal> missing_field(std::string_view name) {
  return refuse(400, "invalid_request", 900144,
                fmt::format("The request body must contain the following parameter: '{}'.", name));
}

std::unexpected<Refusal> wrong_method(std::string_view wanted) {
  return refuse(405, "invalid_request", 900561,
                fmt::format("The endpoint only accepts {} requests.", wanted));
}

std::unexpected<Refusal> refuse(const Error& error) {
  if (error.kind == Kind::invalid) return refuse(400, "invalid_request", 90013, error.message);
  if (error.kind != Kind::busy) {
    LOG(error, "identity", "a login could not be answered: {}", error.message);
  }
  auto refused =
      refuse(503, "temporarily_unavailable", 90033,
             error.kind == Kind::busy ? error.message
                                      : "A transient error has occurred. Please try again.");
  refused.error().retry_after = Seconds(1);
  return refused;
}

}  // namespace pinaco::identity
