// SHA-256 with the x86 SHA instructions (Intel 64 manual, SHA256RNDS2, SHA256MSG1, SHA256MSG2).
//
// One round pair depends on the one before and takes four cycles, but the unit can start a new
// one every two: two or three independent messages side by side fill the gap. State is kept as
// the instructions want it: one register with A,B,E,F and one with C,D,G,H.
#include "store/block_hash.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "base/digest.h"
#include "store/store.h"

namespace pinaco::store {
namespace {

#if defined(__x86_64__)

constexpr std::size_t chunk_bytes = 64;

alignas(64) constexpr std::uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

struct State {
  __m128i abef;
  __m128i cdgh;
};

// Runs `chunks` chunks of 64 bytes through each of `streams` states.
template <int streams>
[[gnu::target("sha,sse4.1")]] inline void run_chunks(State* states, const std::uint8_t* const* from,
                                                     std::size_t chunks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    __m128i abef[streams];
    __m128i cdgh[streams];
    __m128i words[streams][4];
#pragma GCC unroll 4
    for (int s = 0; s < streams; ++s) {
      abef[s] = states[s].abef;
      cdgh[s] = states[s].cdgh;
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const auto* at = reinterpret_cast<const __m128i*>(from[s] + chunk * chunk_bytes) + i;
        words[s][i] = _mm_shuffle_epi8(_mm_loadu_si128(at), swap);
      }
    }
#pragma GCC unroll 16
    for (int round = 0; round < 16; ++round) {
      const auto* constants = reinterpret_cast<const __m128i*>(round_constants) + round;
      const __m128i constant = _mm_load_si128(constants);
#pragma GCC unroll 4
      for (int s = 0; s < streams; ++s) {
        __m128i* const w = words[s];
        const __m128i sum = _mm_add_epi32(w[round & 3], constant);
        cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], sum);
        abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(sum, 0x0e));
        if (round < 12) {
          const __m128i newest = w[(round + 3) & 3];
          const __m128i middle = _mm_alignr_epi8(newest, w[(round + 2) & 3], 4);
          const __m128i mixed = _mm_sha256msg1_epu32(w[round & 3], w[(round + 1) & 3]);
          w[round & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(mixed, middle), newest);
        }
      }
    }
#pragma GCC unroll 4
    for (int s = 0; s < streams; ++s) {
      states[s].abef = _mm_add_epi32(states[s].abef, abef[s]);
      states[s].cdgh = _mm_add_epi32(states[s].cdgh, cdgh[s]);
    }
  }
}

[[gnu::target("sse4.1")]] void store_digest(const State& state, Digest& digest) {
  alignas(16) std::uint32_t abef[4];
  alignas(16) std::uint32_t cdgh[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(abef), state.abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(cdgh), state.cdgh);
  const std::uint32_t order[8] = {abef[3], abef[2], cdgh[3], cdgh[2],
                                  abef[1], abef[0], cdgh[1], cdgh[0]};
  for (std::size_t i = 0; i < 8; ++i) store_be<std::uint32_t>(digest.bytes, i * 4, order[i]);
}

// What follows the last whole chunk: the rest of the message, 0x80, zeros, the length in bits.
struct Padding {
  std::uint8_t bytes[2 * chunk_bytes] = {};
  std::size_t chunks = 1;

  Padding(const std::uint8_t* message, std::size_t length) {
    const std::size_t rest = length % chunk_bytes;
    if (rest > 0) std::memcpy(bytes, message + length - rest, rest);
    bytes[rest] = 0x80;
    if (rest + 9 > chunk_bytes) chunks = 2;
    store_be<std::uint64_t>(bytes, chunks * chunk_bytes - 8, std::uint64_t{length} * 8);
  }
};

template <int streams>
[[gnu::target("sha,sse4.1")]] void hash_streams(const std::uint8_t* const* messages,
                                                std::size_t length, Digest* digests) {
  State states[streams];
  for (State& state : states) {
    state.abef = _mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f,
                               static_cast<int>(0x9b05688c));
    state.cdgh = _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19);
  }
  run_chunks<streams>(states, messages, length / chunk_bytes);
  if constexpr (streams == 1) {
    const Padding padding(messages[0], length);
    const std::uint8_t* const tail[] = {padding.bytes};
    run_chunks<1>(states, tail, padding.chunks);
  } else if constexpr (streams == 2) {
    const Padding padding[] = {{messages[0], length}, {messages[1], length}};
    const std::uint8_t* const tail[] = {padding[0].bytes, padding[1].bytes};
    run_chunks<2>(states, tail, padding[0].chunks);
  } else {
    const Padding padding[] = {{messages[0], length}, {messages[1], length}, {messages[2], length}};
    const std::uint8_t* const tail[] = {padding[0].bytes, padding[1].bytes, padding[2].bytes};
    run_chunks<3>(states, tail, padding[0].chunks);
  }
  for (int s = 0; s < streams; ++s) store_digest(states[s], digests[s]);
}

bool find_sha_instructions() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return false;
  const bool sse41 = (c & (1U << 19)) != 0 && (c & (1U << 9)) != 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  return sse41 && (b & (1U << 29)) != 0;
}

#endif

}  // namespace

void hash_equal_portable(std::span<const std::uint8_t* const> messages, std::size_t length,
                         std::span<Digest> digests) {
  CHECK(digests.size() >= messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    digests[i] = Digest::of(ByteView(messages[i], length));
  }
}

void hash_equal(std::span<const std::uint8_t* const> messages, std::size_t length,
                std::span<Digest> digests) {
  CHECK(digests.size() >= messages.size());
#if defined(__x86_64__)
  static const bool fast = find_sha_instructions();
  if (fast) {
    const std::uint8_t* const* next = messages.data();
    Digest* into = digests.data();
    std::size_t left = messages.size();
    for (; left >= 3; left -= 3, next += 3, into += 3) hash_streams<3>(next, length, into);
    if (left == 2) hash_streams<2>(next, length, into);
    if (left == 1) hash_streams<1>(next, length, into);
    return;
  }
#endif
  hash_equal_portable(messages, length, digests);
}

const Digest& zero_block_digest() {
  static const Digest digest = Digest::of(Bytes(block_bytes));
  return digest;
}

}  // namespace pinaco::store
