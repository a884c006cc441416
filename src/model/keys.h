// Where each kind of row is. A resource's key has its type first and then its group and names,
// so that the versions of a definition, the galleries of a group and the galleries of a
// subscription are each one range:
//
//   r/microsoft.compute/galleries/images <1f> group <1f> gallery <1f> definition
//   r/microsoft.compute/galleries/images/versions <1f> group <1f> gallery <1f> definition <1f>
//     0000000001.0000000010.0000000000, so that versions are in the order of their numbers
//   r/microsoft.resources/resourcegroups <1f> group
//   o/<guid>              an operation
//   p/<guid>              an operation that a worker must bring to its end
//   e/<20 digits>/<guid>  an operation that ended then, in microseconds since 1970
//   f/<name>              a fact
//   c/<type> <1f> <location>  how many resources there are, of the types that are counted
//   l/                    the layout of the rows above, a number
#pragma once

#include "arm/arm.h"
#include "base/clock.h"

namespace pinaco::model {

inline constexpr std::string_view resources_prefix = "r/";
inline constexpr std::string_view operations_prefix = "o/";
inline constexpr std::string_view pending_prefix = "p/";
inline constexpr std::string_view ended_prefix = "e/";
inline constexpr std::string_view facts_prefix = "f/";
inline constexpr std::string_view counts_prefix = "c/";
inline constexpr std::string_view layout_key = "l/";

std::string resource_key(const arm::ResourceId& id);
// What the keys of a collection's resources start with.
std::string collection_prefix(const arm::ResourceId& collection);
// The same for a type as it is in a key: of one group, or, when empty, of all.
std::string type_prefix(std::string_view lower_type, std::string_view group);
// The type that a resource's key starts with, with the separator: "r/<type><1f>".
std::string_view type_part(std::string_view key);
std::string ended_key(WallTime end, std::string_view operation);

}  // namespace pinaco::model
