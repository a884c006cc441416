#include "machine/libvirt_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace pinaco::machine {
namespace {

// Whether the file has these bytes next; without `data`, zeros.
bool compare_next(Transfer& transfer, const char* data, std::uint64_t size) {
  if (!transfer.goes_on()) return false;
  if (size > transfer.size - transfer.offset) {
    transfer.differs = true;
    return false;
  }
  Bytes ours;
  for (std::uint64_t done = 0; done < size; done += ours.size()) {
    ours.resize(std::min<std::uint64_t>(size - done, 256 << 10));
    if (!transfer.keep(transfer.file.read_exact(transfer.offset, ours))) return false;
    const bool same = data != nullptr
                          ? std::memcmp(ours.data(), data + done, ours.size()) == 0
                          : std::ranges::all_of(ours, [](auto byte) { return byte == 0; });
    if (!same) {
      transfer.differs = true;
      return false;
    }
    transfer.offset += ours.size();
  }
  return true;
}

}  // namespace

bool Transfer::keep(Result<> done) {
  if (!done) error = std::move(done.error());
  return done.has_value();
}

bool Transfer::goes_on() {
  if (!stopped || !stopped()) return true;
  return keep(fail(Kind::cancelled, "The server ends; the transfer begins anew later."));
}

bool Transfer::has_room(std::uint64_t length) {
  if (length <= size - offset) return true;
  return keep(fail(Kind::corrupt, fmt::format("The volume is longer than the {} bytes that its "
                                              "disk and QCOW2's tables can need.",
                                              size)));
}

int send_some(virStreamPtr, char* into, std::size_t size, void* with) {
  auto& transfer = *static_cast<Transfer*>(with);
  const auto take = std::min<std::uint64_t>(size, transfer.size - transfer.offset);
  if (!transfer.goes_on()) return -1;
  const MutableBytes piece(reinterpret_cast<std::uint8_t*>(into), take);
  if (!transfer.keep(transfer.file.read_exact(transfer.offset, piece))) return -1;
  transfer.offset += take;
  return static_cast<int>(take);
}

int tell_section(virStreamPtr, int* is_data, long long* length, void* with) {
  auto& transfer = *static_cast<Transfer*>(with);
  const auto left = transfer.size - transfer.offset;
  *is_data = 0;
  *length = 0;
  if (left == 0) return 0;
  if (!transfer.goes_on()) return -1;
  while (transfer.span < transfer.spans.size() &&
         transfer.spans[transfer.span].offset + transfer.spans[transfer.span].length <=
             transfer.offset) {
    ++transfer.span;
  }
  if (transfer.span == transfer.spans.size()) return -1;
  const auto& span = transfer.spans[transfer.span];
  *is_data = span.hole ? 0 : 1;
  *length = static_cast<long long>(span.offset + span.length - transfer.offset);
  return 0;
}

int skip_section(virStreamPtr, long long length, void* with) {
  static_cast<Transfer*>(with)->offset += static_cast<std::uint64_t>(length);
  return 0;
}

int take_some(virStreamPtr, const char* data, std::size_t size, void* with) {
  auto& transfer = *static_cast<Transfer*>(with);
  const auto piece = as_bytes(std::string_view(data, size));
  if (!transfer.goes_on() || !transfer.has_room(size)) return -1;
  if (!transfer.keep(transfer.file.write_exact(transfer.offset, piece))) return -1;
  transfer.offset += size;
  return static_cast<int>(size);
}

int take_hole(virStreamPtr, long long length, void* with) {
  auto& transfer = *static_cast<Transfer*>(with);
  if (!transfer.goes_on() || !transfer.has_room(static_cast<std::uint64_t>(length))) return -1;
  transfer.offset += static_cast<std::uint64_t>(length);
  return transfer.keep(transfer.file.resize(transfer.offset)) ? 0 : -1;
}

int compare_some(virStreamPtr, const char* data, std::size_t size, void* with) {
  return compare_next(*static_cast<Transfer*>(with), data, size) ? static_cast<int>(size) : -1;
}

int compare_hole(virStreamPtr, long long length, void* with) {
  auto& transfer = *static_cast<Transfer*>(with);
  return compare_next(transfer, nullptr, static_cast<std::uint64_t>(length)) ? 0 : -1;
}

}  // namespace pinaco::machine
