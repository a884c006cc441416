// How documents of outside issuers are got; tests give their own.
//
// Threads: all calls from any thread. Lifetime: the Clock outlives it. Limits: 256 KiB, 5 s in
// all, no redirects. Errors: unavailable.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace pinaco::identity {

// What an address may lead to: an operator's issuer may be in his own network, but a user must not
// have the server look around there.
enum class Reach { anywhere, public_only };

// The body of a GET that was answered 200.
using Fetch = std::function<Result<std::string>(const std::string& url, Reach reach)>;
Fetch make_fetch(const Clock& clock);

inline constexpr std::size_t fetched_bytes_max = 256 << 10;

}  // namespace pinaco::identity
