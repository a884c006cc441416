// Names that are made of texts, the same ones at each deployment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pinaco::templates {

// 64 bits of MurmurHash3's x86 family, in a variant that keeps two of its four lanes, seed 0: what
// ARM's uniqueString and templateHash are made of.
std::uint64_t murmur64(std::string_view text);
// uniqueString: 13 characters of a-z and 2-7, the hash's highest bits first.
std::string unique_name(std::string_view text);
// guid: version 5 (RFC 9562) in ARM's namespace.
std::string name_guid(std::string_view text);

}  // namespace pinaco::templates
