// Reading and checking QCOW2 headers.
#include "format/qcow2_header.h"

#include <algorithm>

#include "format/refuse.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t header_v2_bytes = 72;
constexpr std::uint64_t header_v3_bytes = 104;
constexpr std::uint64_t l1_entries_max = std::uint64_t{1} << 22;  // 32 MiB of L1 table
constexpr std::uint64_t refcount_bytes_max = std::uint64_t{8} << 20;
constexpr std::uint64_t file_bytes_max = std::uint64_t{1} << 48;
constexpr std::uint32_t snapshots_max = 65536;
constexpr std::string_view again = "Convert the image again, for example with qemu-img convert.";

constexpr Spot at(std::uint64_t byte) {
  return {"qcow2", byte};
}

std::unexpected<Error> refuse_truncated(std::uint64_t field_at, std::string_view field,
                                        std::string_view table, std::uint64_t offset,
                                        std::uint64_t bytes, std::uint64_t file_bytes) {
  return refuse(code::truncated, at(field_at),
                "The QCOW2 header field '{}' at byte {} is {}: the {} bytes of the {} there would "
                "pass the end of the file at byte {}. The upload was cut short; upload it again.",
                field, field_at, offset, bytes, table, file_bytes);
}

Result<> check_inside(const Qcow2Header& header, std::uint64_t field_at, std::string_view field,
                      std::string_view table, std::uint64_t offset, std::uint64_t bytes) {
  if (offset % header.cluster_bytes() != 0) {
    return refuse(code::metadata, at(field_at),
                  "The QCOW2 header field '{}' at byte {} is {}, but it must be a multiple of the "
                  "cluster size of {} bytes. {}",
                  field, field_at, offset, header.cluster_bytes(), again);
  }
  if (offset > header.file_bytes || bytes > header.file_bytes - offset) {
    return refuse_truncated(field_at, field, table, offset, bytes, header.file_bytes);
  }
  return {};
}

// The incompatible features of version 3.
Result<> check_features(std::uint64_t features, std::vector<std::string>& warnings) {
  constexpr std::uint64_t dirty = 1, corrupt = 2, data_file = 4, compression = 8, extended_l2 = 16;
  if (features & data_file) {
    return refuse(
        code::unsafe, at(72),
        "The QCOW2 header field 'incompatible_features' at byte 72 has bit 2: the data is "
        "in another file. No file but the uploaded one is ever opened. Convert the image "
        "to one that holds its data.");
  }
  if (features & corrupt) {
    return refuse(code::metadata, at(72),
                  "The QCOW2 header field 'incompatible_features' at byte 72 has bit 1: the image "
                  "is marked corrupt. Repair it with qemu-img check -r all, look whether the disk "
                  "is whole, and upload it again.");
  }
  if (features & extended_l2) {
    return refuse(
        code::unsupported, at(72),
        "The QCOW2 header field 'incompatible_features' at byte 72 has bit 4: extended L2 "
        "entries, which are not supported. Convert the image with -o extended_l2=off.");
  }
  const auto known = dirty | corrupt | data_file | compression | extended_l2;
  if (features & ~known) {
    return refuse(code::unsupported, at(72),
                  "The QCOW2 header field 'incompatible_features' at byte 72 is 0x{:x}, but only "
                  "the bits 0x{:x} are known. {}",
                  features, known, again);
  }
  if (features & dirty) {
    warnings.push_back(
        "The QCOW2 image was not closed properly (dirty bit). Its reference counts are not used; "
        "its tables were checked and are consistent.");
  }
  return {};
}

Result<> read_compression(const Source& source, std::uint64_t features, Qcow2Header& header) {
  const bool marked = (features & 8) != 0;
  std::uint8_t type = 0;
  if (header.header_length > header_v3_bytes) {
    TRY(source.read(header_v3_bytes, MutableBytes(&type, 1)));
  }
  if (marked != (type != 0)) {
    return refuse(
        code::metadata, at(104),
        "The QCOW2 header field 'compression_type' at byte 104 is {}, but "
        "'incompatible_features' bit 3 is {}: it must be set exactly when the type is not "
        "0. {}",
        type, marked ? 1 : 0, again);
  }
  if (type > 1) {
    return refuse(code::unsupported, at(104),
                  "The QCOW2 header field 'compression_type' at byte 104 is {}, but only 0 (zlib) "
                  "and 1 (zstd) are known. {}",
                  type, again);
  }
  header.compression = static_cast<Compression>(type);
  return {};
}

Result<> check_backing(ByteView fixed, const Qcow2Header& header) {
  const auto offset = load_be<std::uint64_t>(fixed, 8);
  const auto length = load_be<std::uint32_t>(fixed, 16);
  if (offset == 0) return {};
  if (length > 1023) {
    return refuse(
        code::metadata, at(16),
        "The QCOW2 header field 'backing_file_size' at byte 16 is {}, but a name may have "
        "at most 1023 bytes; and an image with a backing file cannot be imported. Flatten "
        "it with qemu-img convert.",
        length);
  }
  if (offset < header.header_length) {
    return refuse(code::overlap, at(8),
                  "The QCOW2 header field 'backing_file_offset' at byte 8 is {}, inside the header "
                  "of {} bytes. {}",
                  offset, header.header_length, again);
  }
  if (offset > header.cluster_bytes() || length > header.cluster_bytes() - offset) {
    return refuse(code::metadata, at(8),
                  "The QCOW2 header field 'backing_file_offset' at byte 8 is {}, but the name must "
                  "lie in the first cluster of {} bytes. {}",
                  offset, header.cluster_bytes(), again);
  }
  return refuse(code::unsafe, at(8),
                "The QCOW2 header field 'backing_file_offset' at byte 8 is {}: the image needs a "
                "backing file. No file but the uploaded one is ever opened. Flatten the image with "
                "qemu-img convert.",
                offset);
}

// Header extensions: type, length, data, padded to 8 bytes, up to type 0.
Result<> check_extensions(const Source& source, const Qcow2Header& header,
                          std::vector<std::string>& warnings) {
  Bytes area(std::min(header.cluster_bytes(), header.file_bytes));
  TRY(source.read(0, area));
  std::uint64_t offset = header.header_length;
  while (offset + 8 <= area.size()) {
    const auto type = load_be<std::uint32_t>(area, offset);
    const std::uint64_t length = load_be<std::uint32_t>(area, offset + 4);
    if (type == 0) return {};
    if (length > area.size() - offset - 8) {
      return refuse(code::metadata, at(offset + 4),
                    "The QCOW2 header extension at byte {} has {} bytes, but only {} are left in "
                    "the first cluster. {}",
                    offset, length, area.size() - offset - 8, again);
    }
    switch (type) {
      case 0x44415441:
        return refuse(code::unsafe, at(offset),
                      "The QCOW2 header extension at byte {} names a data file. No file but the "
                      "uploaded one is ever opened. Convert the image to one that holds its data.",
                      offset);
      case 0x0537be77:
        return refuse(code::unsupported, at(offset),
                      "The QCOW2 header extension at byte {} points to an encryption header: the "
                      "image is encrypted. Convert it without encryption.",
                      offset);
      case 0x23852875:
        warnings.push_back("The QCOW2 image holds dirty bitmaps, which are not imported.");
        break;
      case 0xe2792aca:
        warnings.push_back("The QCOW2 image names the format of a backing file it does not have.");
        break;
      default:
        break;  // by the specification, unknown extensions are safe to ignore
    }
    offset += 8 + (length + 7) / 8 * 8;
  }
  if (offset <= area.size()) return {};
  return refuse(
      code::metadata, at(offset),
      "The QCOW2 header extensions from byte {} on do not end inside the first cluster of "
      "{} bytes. {}",
      header.header_length, header.cluster_bytes(), again);
}

Result<> check_sizes(ByteView fixed, Qcow2Header& header) {
  header.size_bytes = load_be<std::uint64_t>(fixed, 24);
  TRY(check_disk_size(header.size_bytes, at(24), "header field 'size' at byte 24"));

  header.l1_entries = load_be<std::uint32_t>(fixed, 36);
  header.l1_offset = load_be<std::uint64_t>(fixed, 40);
  const auto needed = header.l1_needed();
  if (header.l1_entries < needed || header.l1_entries > l1_entries_max) {
    return refuse(code::metadata, at(36),
                  "The QCOW2 header field 'l1_size' at byte 36 is {}, but a disk of {} bytes with "
                  "clusters of {} bytes needs {}, and the table may have at most {}. Convert the "
                  "image again, with larger clusters if it needs more.",
                  header.l1_entries, header.size_bytes, header.cluster_bytes(), needed,
                  l1_entries_max);
  }
  TRY(check_inside(header, 40, "l1_table_offset", "L1 table", header.l1_offset,
                   header.l1_entries * 8));

  const std::uint64_t clusters = load_be<std::uint32_t>(fixed, 56);
  const auto clusters_max = refcount_bytes_max >> header.cluster_bits;
  if (clusters == 0 || clusters > clusters_max) {
    return refuse(code::metadata, at(56),
                  "The QCOW2 header field 'refcount_table_clusters' at byte 56 is {}, but it must "
                  "be from 1 to {}. {}",
                  clusters, clusters_max, again);
  }
  header.refcount_bytes = clusters << header.cluster_bits;
  header.refcount_offset = load_be<std::uint64_t>(fixed, 48);
  TRY(check_inside(header, 48, "refcount_table_offset", "refcount table", header.refcount_offset,
                   header.refcount_bytes));

  header.snapshots = load_be<std::uint32_t>(fixed, 60);
  header.snapshots_offset = load_be<std::uint64_t>(fixed, 64);
  if (header.snapshots > snapshots_max) {
    return refuse(
        code::metadata, at(60),
        "The QCOW2 header field 'nb_snapshots' at byte 60 is {}, but an image may have at "
        "most {}. {}",
        header.snapshots, snapshots_max, again);
  }
  if (header.snapshots == 0) return {};
  return check_inside(header, 64, "snapshots_offset", "snapshot table", header.snapshots_offset,
                      std::uint64_t{header.snapshots} * 40);
}

// What only version 3 has, in a header of which the first 104 bytes are there.
Result<> read_version_3(const Source& source, ByteView fixed, Qcow2Header& header,
                        std::vector<std::string>& warnings) {
  header.header_length = load_be<std::uint32_t>(fixed, 100);
  const auto length_max = std::min(header.cluster_bytes(), header.file_bytes);
  if (header.header_length < header_v3_bytes || header.header_length % 8 != 0 ||
      header.header_length > length_max) {
    return refuse(code::metadata, at(100),
                  "The QCOW2 header field 'header_length' at byte 100 is {}, but it must be a "
                  "multiple of 8 from 104 to {}. {}",
                  header.header_length, length_max, again);
  }
  if (const auto order = load_be<std::uint32_t>(fixed, 96); order > 6) {
    return refuse(code::metadata, at(96),
                  "The QCOW2 header field 'refcount_order' at byte 96 is {}, but it must be from 0 "
                  "to 6 (1 to 64 bits). {}",
                  order, again);
  }
  const auto features = load_be<std::uint64_t>(fixed, 72);
  TRY(check_features(features, warnings));
  return read_compression(source, features, header);
}

// Magic, version and as much of the fixed part as the version has.
Result<Bytes> read_fixed(const Source& source, Qcow2Header& header) {
  header.file_bytes = source.size_bytes();
  const auto cut = [&](std::uint64_t needed) {
    return refuse(code::truncated, at(header.file_bytes),
                  "The QCOW2 image ends at byte {}, inside its header of {} bytes. The upload was "
                  "cut short; upload it again.",
                  header.file_bytes, needed);
  };
  if (header.file_bytes < 8) return cut(header_v2_bytes);
  Bytes fixed(std::min(header.file_bytes, header_v3_bytes));
  TRY(source.read(0, fixed));
  header.version = load_be<std::uint32_t>(fixed, 4);
  if (header.version != 2 && header.version != 3) {
    return refuse(code::unsupported, at(4),
                  "The QCOW header field 'version' at byte 4 is {}, but only 2 and 3 are taken. {}",
                  header.version, again);
  }
  const auto needed = header.version == 2 ? header_v2_bytes : header_v3_bytes;
  if (header.file_bytes < needed) return cut(needed);
  return fixed;
}

}  // namespace

Result<Qcow2Header> read_qcow2_header(const Source& source, std::vector<std::string>& warnings) {
  Qcow2Header header;
  const auto fixed = TRY(read_fixed(source, header));
  if (header.file_bytes > file_bytes_max) {
    return refuse(code::too_large, at(0),
                  "The QCOW2 file has {} bytes, but it may have at most {}.", header.file_bytes,
                  file_bytes_max);
  }
  header.cluster_bits = load_be<std::uint32_t>(fixed, 20);
  if (header.cluster_bits < 9 || header.cluster_bits > 21) {
    return refuse(
        code::metadata, at(20),
        "The QCOW2 header field 'cluster_bits' at byte 20 is {}, but it must be from 9 to "
        "21 (clusters of 512 bytes to 2 MiB). {}",
        header.cluster_bits, again);
  }
  header.header_length = header_v2_bytes;
  if (header.version == 3) TRY(read_version_3(source, fixed, header, warnings));
  if (const auto method = load_be<std::uint32_t>(fixed, 32); method != 0) {
    return refuse(code::unsupported, at(32),
                  "The QCOW2 header field 'crypt_method' at byte 32 is {}, but only 0 (no "
                  "encryption) is taken. Convert the image without encryption.",
                  method);
  }
  TRY(check_backing(fixed, header));
  TRY(check_extensions(source, header, warnings));
  TRY(check_sizes(fixed, header));
  if (header.snapshots != 0) {
    warnings.push_back(fmt::format(
        "The QCOW2 image holds {} internal snapshots, which are not imported: the disk is its "
        "current state.",
        header.snapshots));
  }
  return header;
}

}  // namespace pinaco::format
