// Any text as a filter: it is refused, or answers about every object.
#include "base/result.h"
#include "graph/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pinaco::JsonArray;
  const pinaco::JsonObject object{{"id", "x"},
                                  {"displayName", nullptr},
                                  {"accountEnabled", true},
                                  {"servicePrincipalNames", JsonArray{"x", 1}}};
  const auto filter =
      pinaco::graph::parse_filter({reinterpret_cast<const char*>(data), size}, object);
  if (!filter) {
    CHECK(!filter.error().message.empty() && filter.error().kind == pinaco::Kind::invalid);
    return 0;
  }
  CHECK(size <= pinaco::graph::filter_bytes_max);
  (void)(*filter)(object);
  (void)(*filter)(pinaco::JsonObject());
  return 0;
}
