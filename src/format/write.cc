// Writing disks to files: raw and fixed VHD here, and what all writers share.
#include "format/write.h"

#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "base/digest.h"
#include "format/refuse.h"
#include "format/vhd_footer.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t window_bytes = std::uint64_t{1} << 30;  // of extents asked for at once
constexpr std::uint64_t hole_bytes = 4096;

Result<> write_plain(const DiskReader& disk, const os::File& file, const WriteOptions& options) {
  const auto size_bytes = disk.size_bytes();
  ContentId id(size_bytes);
  TRY(file.resize(size_bytes));
  TRY(each_chunk(disk, options.progress, [&](std::uint64_t offset, ByteView bytes) -> Result<> {
    if (options.format == Format::vhd) id.add(offset, bytes);
    return write_sparse(file, offset, bytes);
  }));
  if (options.format == Format::raw) return {};
  return file.write_exact(size_bytes, fixed_vhd_footer(size_bytes, id.first_16()));
}

Result<> write_to(const DiskReader& disk, const os::File& file, const WriteOptions& options) {
  if (options.format == Format::qcow2) {
    TRY(write_qcow2(disk, file, options.progress));
  } else if (options.variant == Variant::dynamic_vhd) {
    TRY(write_dynamic_vhd(disk, file, options.progress));
  } else {
    TRY(write_plain(disk, file, options));
  }
  return file.sync();
}

// Calls visit for the chunks of [from, end), of which the extents say where data may be.
Result<> each_chunk_of(const DiskReader& disk, std::uint64_t from, std::uint64_t end,
                       const std::function<bool(std::uint64_t)>& progress,
                       const std::function<Result<>(std::uint64_t, ByteView)>& visit) {
  const auto extents = TRY(disk.extents(from, end - from));
  Bytes buffer;
  std::size_t next = 0;
  for (auto offset = from; offset < end;) {
    const auto length = std::min(chunk_bytes, end - offset);
    bool data = false;
    for (; next < extents.size() && extents[next].offset < offset + length; ++next) {
      if (!extents[next].zero) data = true;
      if (extents[next].offset + extents[next].length > offset + length) break;
    }
    if (data) {
      buffer.resize(length);
      TRY(disk.read(offset, buffer));
      if (!is_zero(buffer)) TRY(visit(offset, buffer));
    }
    offset += length;
    const bool last_or_data = data || offset == end;
    if (last_or_data && progress && !progress(offset)) {
      return fail(Kind::cancelled, "The export was cancelled.");
    }
  }
  return {};
}

}  // namespace

Result<> each_chunk(const DiskReader& disk, const std::function<bool(std::uint64_t)>& progress,
                    const std::function<Result<>(std::uint64_t, ByteView)>& visit) {
  const auto size_bytes = disk.size_bytes();
  for (std::uint64_t from = 0; from < size_bytes; from += window_bytes) {
    const auto end = std::min(from + window_bytes, size_bytes);
    TRY(each_chunk_of(disk, from, end, progress, visit));
  }
  return {};
}

Result<> write_sparse(const os::File& file, std::uint64_t offset, ByteView bytes) {
  std::size_t start = 0;  // of the data not yet written
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = std::min<std::size_t>(hole_bytes, bytes.size() - at);
    if (is_zero(bytes.subspan(at, length))) {
      if (at > start) TRY(file.write_exact(offset + start, bytes.subspan(start, at - start)));
      start = at + length;
    }
    at += length;
  }
  if (start == bytes.size()) return {};
  return file.write_exact(offset + start, bytes.subspan(start));
}

ContentId::ContentId(std::uint64_t size_bytes) {
  append_le(state_, size_bytes);
  const auto digest = Digest::of(state_);
  state_.assign(digest.bytes.begin(), digest.bytes.end());
}

void ContentId::add(std::uint64_t offset, ByteView bytes) {
  append_le(state_, offset);
  append_le(state_, crc32_z(0, bytes.data(), bytes.size()));
  const auto digest = Digest::of(state_);
  state_.assign(digest.bytes.begin(), digest.bytes.end());
}

Result<> write_image(const DiskReader& disk, const std::string& path, const WriteOptions& options) {
  if (options.variant == Variant::dynamic_vhd && options.format != Format::vhd) {
    return fail(Kind::invalid, "Only the format vhd has a dynamic variant.");
  }
  TRY(check_disk_size(disk.size_bytes(), {to_string(options.format), 0}, "disk size"));
  if (options.variant == Variant::dynamic_vhd && disk.size_bytes() > dynamic_vhd_bytes_max) {
    return refuse(code::too_large, {"vhd", 0},
                  "The disk has {} bytes, but a dynamic VHD may have at most {} (2040 GiB). Export "
                  "it as a fixed VHD or QCOW2.",
                  disk.size_bytes(), dynamic_vhd_bytes_max);
  }
  const auto file = TRY(os::File::create(path));
  auto written = write_to(disk, file, options);
  if (written) {
    const auto folder = std::filesystem::path(path).parent_path();
    written = os::sync_folder(folder.empty() ? "." : folder.string());
  }
  // The first error is the one that counts: one from removing would only hide it.
  if (!written) (void)os::remove_file(path);
  return written;
}

}  // namespace pinaco::format
