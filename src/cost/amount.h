// Exact amounts: bytes times microseconds in 128 bits, and money in billionths. Inside this room
// only.
#pragma once

#include "cost/cost.h"

namespace pinaco::cost {

__extension__ typedef unsigned __int128 Wide;

inline constexpr std::uint64_t gib = 1ULL << 30;

// amount × price / unit, the half rounded up; the greatest number there is when it is more.
Nanos price_of(Wide amount, Wide unit, Nanos price);
double quotient(Wide amount, Wide unit);
Nanos sum(Nanos a, Nanos b);

// One GiB for the whole month that begins there, in byte-microseconds: a whole month costs what the
// price says, however long it is.
Wide month_unit(WallTime month);
// Of [from, to), what lies in [begin, end), in microseconds.
std::uint64_t overlap(WallTime from, WallTime to, WallTime begin, WallTime end);

}  // namespace pinaco::cost
