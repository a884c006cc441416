// The numbers of the NBD protocol, under the names of its text: "The NBD protocol", doc/proto.md
// of the NetworkBlockDevice/nbd repository (fixed newstyle negotiation, structured replies,
// metadata contexts). Everything on the wire is big-endian.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace pinaco::nbd {

// "Newstyle negotiation"
inline constexpr std::uint64_t init_magic = 0x4e42444d41474943;    // "NBDMAGIC"
inline constexpr std::uint64_t option_magic = 0x49484156454f5054;  // "IHAVEOPT"
inline constexpr std::uint64_t option_reply_magic = 0x3e889045565a9;
inline constexpr std::uint16_t flag_fixed_newstyle = 1 << 0;
inline constexpr std::uint16_t flag_no_zeroes = 1 << 1;

// "Option types"
enum class Option : std::uint32_t {
  export_name = 1,
  abort = 2,
  list = 3,
  starttls = 5,
  info = 6,
  go = 7,
  structured_reply = 8,
  list_meta_context = 9,
  set_meta_context = 10,
};

// "Option reply types"
inline constexpr std::uint32_t reply_error_bit = 1u << 31;
enum class OptionReply : std::uint32_t {
  ack = 1,
  server = 2,
  info = 3,
  meta_context = 4,
  error_unsupported = reply_error_bit + 1,
  error_policy = reply_error_bit + 2,
  error_invalid = reply_error_bit + 3,
  error_unknown = reply_error_bit + 6,
  error_too_big = reply_error_bit + 9,
};

// "NBD_INFO_*"
inline constexpr std::uint16_t info_export = 0;
inline constexpr std::uint16_t info_name = 1;
inline constexpr std::uint16_t info_description = 2;
inline constexpr std::uint16_t info_block_size = 3;

// "Transmission flags"
inline constexpr std::uint16_t transmission_has_flags = 1 << 0;
inline constexpr std::uint16_t transmission_read_only = 1 << 1;
inline constexpr std::uint16_t transmission_send_df = 1 << 7;
inline constexpr std::uint16_t transmission_can_multi_conn = 1 << 8;

// "Transmission phase"
inline constexpr std::uint32_t request_magic = 0x25609513;
inline constexpr std::uint32_t simple_reply_magic = 0x67446698;
inline constexpr std::uint32_t structured_reply_magic = 0x668e33ef;
inline constexpr std::size_t request_size_bytes = 28;
inline constexpr std::size_t simple_reply_size_bytes = 16;
inline constexpr std::size_t structured_reply_size_bytes = 20;

// "Request types"
enum class Command : std::uint16_t {
  read = 0,
  write = 1,
  disconnect = 2,
  flush = 3,
  trim = 4,
  cache = 5,
  write_zeroes = 6,
  block_status = 7,
  resize = 8,
};
inline constexpr std::uint16_t command_flag_df = 1 << 2;
inline constexpr std::uint16_t command_flag_req_one = 1 << 3;

// "Structured reply types"
inline constexpr std::uint16_t chunk_flag_done = 1 << 0;
enum class Chunk : std::uint16_t {
  none = 0,
  offset_data = 1,
  offset_hole = 2,
  block_status = 5,
  error = (1 << 15) + 1,
};

// "Error values"
enum class WireError : std::uint32_t {
  none = 0,
  not_permitted = 1,  // NBD_EPERM
  io = 5,             // NBD_EIO
  invalid = 22,       // NBD_EINVAL
  overflow = 75,      // NBD_EOVERFLOW
};

// "Metadata querying", the base:allocation context
inline constexpr std::string_view base_allocation = "base:allocation";
inline constexpr std::uint32_t base_allocation_id = 1;
inline constexpr std::uint32_t state_hole = 1 << 0;
inline constexpr std::uint32_t state_zero = 1 << 1;

// What a client may ask of us; the text's "Block size constraints" names 32 MiB as the default.
inline constexpr std::uint32_t block_minimum_bytes = 1;
inline constexpr std::uint32_t block_preferred_bytes = 4096;
inline constexpr std::uint32_t read_bytes_max = 32u << 20;
inline constexpr std::uint32_t name_bytes_max = 4096;  // "Values": strings
inline constexpr std::uint32_t option_bytes_max = 64u << 10;
inline constexpr std::uint32_t options_max = 32;

template <typename T>
void append_be(Bytes& into, T value) {
  const std::size_t at = into.size();
  into.resize(at + sizeof value);
  store_be(into, at, value);
}

struct Request {
  std::uint16_t flags = 0;
  Command command = Command::read;
  std::uint64_t cookie = 0;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};

}  // namespace pinaco::nbd
