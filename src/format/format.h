// Disk image formats in and out: raw, VHD (fixed, dynamic), QCOW2 (v2, v3).
//
// Our own readers, because an image is an attacker's text: no reader opens any file but the one
// it was given, follows no backing file, data file or parent, and does work in proportion to the
// file, never to the size that a header claims. A format that is stated is checked against the
// bytes; one that is not stated is found, and bytes that look like two formats are refused.
// Threads: readers may be read by any number of threads. Lifetime: a reader shares the source.
// Limits: disks 512 bytes to 32 TiB; metadata held in memory at most 64 MiB; a cluster at most
// 2 MiB. Errors: invalid with a code of the catalogue (UnsupportedImageFeature,
// ImageMetadataInvalid, ImageMetadataOverlap, ImageTruncated, ImageTooLarge, EmptyImage,
// ImageSizeNotAligned, ImageChecksumMismatch, UnsafeImageReference, ImageFormatMismatch,
// InvalidImageFormat, InvalidVhd) and a message that names format, field, byte offset, the value
// found, what is allowed, and what to do. The same bytes always give the same error.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/disk_reader.h"

namespace pinaco::format {

enum class Format { raw, vhd, qcow2 };

std::string_view to_string(Format format);
Result<Format> parse_format(std::string_view name);  // raw, vhd, vpc, qcow2

// Where the bytes of an image come from: a file, an upload, memory.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::uint64_t size_bytes() const = 0;
  virtual Result<> read(std::uint64_t offset, MutableBytes into) const = 0;
  // As DiskReader::extents: what is certainly zero (a hole).
  virtual Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const = 0;
};

Result<std::shared_ptr<Source>> open_file(const std::string& path);
std::shared_ptr<Source> in_memory(Bytes content);

struct Opened {
  Format format = Format::raw;
  std::string variant;  // "fixed", "dynamic", "v2", "v3"; empty for raw
  std::unique_ptr<DiskReader> disk;
  std::vector<std::string> warnings;  // what was odd but harmless
};

// `stated` is what the user or the API says the bytes are.
Result<Opened> open_image(std::shared_ptr<Source> source, std::optional<Format> stated);
// A QCOW2 file that a guest wrote to, above the disk that it began with (nullptr: zeros). Its own
// header still names no other file.
Result<std::shared_ptr<DiskReader>> open_overlay(std::shared_ptr<Source> source,
                                                 std::shared_ptr<const DiskReader> below);
// Only a fixed VHD of whole MiB with a true footer, as the disk-upload path takes it. Errors use
// the code InvalidVhd where the cloud does, else InvalidParameter for a size that is not whole.
Result<Opened> open_uploaded_vhd(std::shared_ptr<Source> source);

// The 512-byte footer of a fixed VHD; size_bytes is a multiple of 512. The same input gives the
// same bytes; `unique` fills the identifier.
Bytes fixed_vhd_footer(std::uint64_t size_bytes, ByteView unique_16_bytes);

// Writes a disk to a new file (conflict when it exists) with holes left out; on error nothing is
// left behind. progress gets bytes of the disk done so far, and may cancel by returning false.
enum class Variant { usual, dynamic_vhd };  // usual: raw, fixed VHD, uncompressed QCOW2 v3
struct WriteOptions {
  Format format = Format::raw;
  Variant variant = Variant::usual;
  std::function<bool(std::uint64_t done_bytes)> progress = {};
};
Result<> write_image(const DiskReader& disk, const std::string& path, const WriteOptions& options);

}  // namespace pinaco::format
