// SHA-256 of many equally long messages at once: with SHA instructions three streams are
// interleaved in one thread, which is more than twice as fast as one after the other; without
// them OpenSSL does it. Pure; any thread.
#pragma once

#include <span>

#include "base/digest.h"

namespace pinaco::store {

// digests[i] = SHA-256 of the `length` bytes at messages[i].
void hash_equal(std::span<const std::uint8_t* const> messages, std::size_t length,
                std::span<Digest> digests);

// The same without the SHA instructions, for comparison.
void hash_equal_portable(std::span<const std::uint8_t* const> messages, std::size_t length,
                         std::span<Digest> digests);

// The digest of a block of zeros, which is never stored but is a leaf of the image digest.
const Digest& zero_block_digest();

}  // namespace pinaco::store
