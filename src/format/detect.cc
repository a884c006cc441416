// Telling formats apart by their marks, and opening what was found or stated.
//
// Guessing is where image stores were broken before: a raw disk whose guest writes a QCOW2 header
// into it must stay raw for ever. So what is stated is checked against the bytes, bytes with the
// marks of two formats are refused, and nobody asks again after the import.
#include "format/detect.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "format/qcow2.h"
#include "format/raw.h"
#include "format/refuse.h"
#include "format/vhd.h"

namespace pinaco::format {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view name;
  std::uint64_t byte;
  std::string_view bytes;
};

// Marks near the start of a file. Short ones that boot code could hold by chance are left out.
constexpr std::array magics = {
    Magic{"VHDX disk image", 0, "vhdxfile"sv},
    Magic{"VMDK disk image", 0, "KDMV"sv},
    Magic{"VMDK disk image", 0, "COWD"sv},
    Magic{"VMDK disk image", 0, "\xbe\xba\xfe\xca\0\0\0\0"sv},
    Magic{"VMDK disk image", 0, "# Disk DescriptorFile"sv},
    Magic{"VDI disk image", 64, "\x7f\x10\xda\xbe"sv},
    Magic{"QED disk image", 0, "QED\0"sv},
    Magic{"Parallels disk image", 0, "WithoutFreeSpace"sv},
    Magic{"Parallels disk image", 0, "WithouFreSpacExt"sv},
    Magic{"Bochs disk image", 0, "Bochs Virtual HD Image"sv},
    Magic{"cloop disk image", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"sv},
    Magic{"LUKS encrypted disk", 0, "LUKS\xba\xbe"sv},
    Magic{"gzip file", 0, "\x1f\x8b\x08"sv},
    Magic{"bzip2 file", 4, "1AY&SY"sv},
    Magic{"xz file", 0, "\xfd\x37zXZ\0"sv},
    Magic{"zstd file", 0, "\x28\xb5\x2f\xfd"sv},
    Magic{"lz4 file", 0, "\x04\x22\x4d\x18"sv},
    Magic{"7z archive", 0, "7z\xbc\xaf\x27\x1c"sv},
    Magic{"zip archive", 0, "PK\x03\x04"sv},
    Magic{"WIM archive", 0, "MSWIM\0\0\0"sv},
    Magic{"tar or OVA archive", 257, "ustar"sv},
    Magic{"ISO 9660 image", 32769, "CD001"sv},
};
constexpr std::uint64_t head_bytes = 32769 + 5;

bool has(ByteView head, std::uint64_t byte, std::string_view mark) {
  return byte + mark.size() <= head.size() && as_text(head.subspan(byte, mark.size())) == mark;
}

// A VMDK descriptor is text: after blank lines and comments comes "version=".
bool is_vmdk_text(ByteView head) {
  auto text = as_text(head);
  if (!text.starts_with('#') && !text.starts_with("version=")) return false;
  while (!text.empty()) {
    if (text.starts_with("version=")) return true;
    const auto end = text.find('\n');
    if (end == text.npos) return false;
    const auto line = trim(text.substr(0, end));
    if (!line.empty() && line[0] != '#') return false;
    text.remove_prefix(end + 1);
  }
  return false;
}

void add_mark(std::vector<Mark>& marks, Mark mark) {
  const auto same = [&](const Mark& known) { return known.name == mark.name; };
  if (std::none_of(marks.begin(), marks.end(), same)) marks.push_back(mark);
}

Result<Opened> open_as(std::shared_ptr<Source> source, Format format) {
  switch (format) {
    case Format::vhd:
      return open_vhd(std::move(source));
    case Format::qcow2:
      return open_qcow2(std::move(source));
    case Format::raw:
      break;
  }
  return open_raw(std::move(source));
}

std::string_view mark_of(Format format) {
  return format == Format::vhd ? "the cookie 'conectix' in the last 512 bytes"
                               : "the bytes 51 46 49 FB (hexadecimal) at byte 0";
}

Result<Opened> open_stated(std::shared_ptr<Source> source, Format stated,
                           const std::vector<Mark>& marks) {
  if (marks.empty()) {
    if (stated == Format::raw) return open_raw(std::move(source));
    return refuse(code::format, {to_string(stated), 0},
                  "The image is said to be {0}, but {1} is missing. Check that the upload is whole "
                  "and that it is a {0} image.",
                  to_string(stated), mark_of(stated));
  }
  if (marks[0].ours == stated) return open_as(std::move(source), stated);
  return refuse(code::mismatch, {to_string(stated), marks[0].byte},
                "The image is said to be {}, but byte {} begins the mark of a {}. State the true "
                "format, or convert the image; {} images are taken.",
                to_string(stated), marks[0].byte, marks[0].name, formats_taken);
}

}  // namespace

std::string_view to_string(Format format) {
  switch (format) {
    case Format::vhd:
      return "vhd";
    case Format::qcow2:
      return "qcow2";
    case Format::raw:
      break;
  }
  return "raw";
}

Result<Format> parse_format(std::string_view name) {
  const auto lower = to_lower(name);
  if (lower == "raw") return Format::raw;
  if (lower == "vhd" || lower == "vpc") return Format::vhd;
  if (lower == "qcow2") return Format::qcow2;
  return fail(Kind::invalid,
              "The image format is not known: it must be one of raw, vhd (or vpc) and qcow2.");
}

Result<std::vector<Mark>> find_marks(const Source& source) {
  const auto size_bytes = source.size_bytes();
  Bytes head(std::min(size_bytes, head_bytes));
  TRY(source.read(0, head));
  Bytes tail(std::min(size_bytes, sector_bytes));
  TRY(source.read(size_bytes - tail.size(), tail));

  std::vector<Mark> marks;
  if (has(head, 0, "QFI\xfb")) add_mark(marks, {"QCOW2 disk image", Format::qcow2, 0});
  const Mark vhd{"VHD disk image", Format::vhd, 0};
  if (has(head, 0, "conectix")) add_mark(marks, vhd);
  // At size - 511 the file lost its last byte, or is by a very old tool; the reader says so.
  for (const std::uint64_t at : {0u, 1u}) {
    if (tail.size() == sector_bytes && has(tail, at, "conectix")) {
      add_mark(marks, {vhd.name, vhd.ours, size_bytes - sector_bytes + at});
    }
  }
  for (const auto& magic : magics) {
    if (has(head, magic.byte, magic.bytes)) add_mark(marks, {magic.name, {}, magic.byte});
  }
  if (is_vmdk_text(head)) add_mark(marks, {"VMDK disk image", {}, 0});
  if (tail.size() == sector_bytes && has(tail, 0, "koly")) {
    add_mark(marks, {"DMG disk image", {}, size_bytes - sector_bytes});
  }
  return marks;
}

Result<Opened> open_image(std::shared_ptr<Source> source, std::optional<Format> stated) {
  if (source->size_bytes() == 0) {
    return refuse(code::empty, {stated ? to_string(*stated) : "none", 0},
                  "The image has no bytes. Upload it again; {} images are taken.", formats_taken);
  }
  const auto marks = TRY(find_marks(*source));
  if (marks.size() > 1) {
    return refuse(
        code::mismatch, {"several", marks[1].byte},
        "The image bears the marks of two formats: of a {} at byte {} and of a {} at byte "
        "{}. Such a file means different disks to different programs. Convert it to one "
        "format and upload that.",
        marks[0].name, marks[0].byte, marks[1].name, marks[1].byte);
  }
  if (stated) return open_stated(std::move(source), *stated, marks);
  if (marks.empty()) return open_raw(std::move(source));
  if (marks[0].ours) return open_as(std::move(source), *marks[0].ours);
  return refuse(code::unsupported, {marks[0].name, marks[0].byte},
                "The file is a {} (its mark is at byte {}), which cannot be imported. Unpack it or "
                "convert it, for example with qemu-img; {} images are taken.",
                marks[0].name, marks[0].byte, formats_taken);
}

}  // namespace pinaco::format
