// Fixed VHD: the disk, then a footer. Also the way into dynamic ones, and the door of uploads.
#include "format/vhd.h"

#include "format/detect.h"
#include "format/raw.h"
#include "format/refuse.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t mib = 1 << 20;

Result<VhdFooter> find_footer(const Source& source) {
  const auto size_bytes = source.size_bytes();
  if (size_bytes >= 2 * sector_bytes) {
    auto footer = TRY(read_vhd_footer(source, size_bytes - sector_bytes));
    if (footer.has_cookie()) return footer;
    Bytes cookie(vhd_cookie.size());
    TRY(source.read(size_bytes - sector_bytes + 1, cookie));
    if (as_text(cookie) == vhd_cookie) {
      return refuse(code::truncated, {"vhd", size_bytes - sector_bytes + 1},
                    "The VHD footer at byte {} has 511 bytes, but it must have 512: the last byte "
                    "was cut off, or the image is by a tool from before 2004. Upload it again, or "
                    "convert it.",
                    size_bytes - sector_bytes + 1);
    }
  }
  return refuse(code::truncated, {"vhd", size_bytes},
                "The VHD ends at byte {} without a footer: the last 512 bytes must begin with the "
                "cookie 'conectix'. The upload was cut short; upload it again.",
                size_bytes);
}

Result<> check_fixed_size(const VhdFooter& footer) {
  const auto size_at = footer.at + 48;
  if (footer.current_size() > footer.at) {
    return refuse(code::truncated, {"vhd", size_at},
                  "The VHD footer field 'current_size' at byte {} is {}, but only {} bytes come "
                  "before the footer. The upload was cut short; upload it again.",
                  size_at, footer.current_size(), footer.at);
  }
  if (footer.current_size() < footer.at) {
    return refuse(code::metadata, {"vhd", size_at},
                  "The VHD footer field 'current_size' at byte {} is {}, but {} bytes come before "
                  "the footer, and a fixed VHD holds nothing else. Convert the image again.",
                  size_at, footer.current_size(), footer.at);
  }
  return {};
}

std::unexpected<Error> refuse_vhd(std::string message) {
  return fail(Error{.kind = Kind::invalid, .message = std::move(message), .code = "InvalidVhd"});
}

std::unexpected<Error> refuse_cookie(const std::vector<Mark>& marks) {
  std::string found;
  if (!marks.empty()) {
    found = fmt::format(" The file is a {}; convert it to a fixed VHD.", marks[0].name);
  }
  return refuse_vhd(
      "The specified cookie value in VHD footer indicates that the uploaded disk is not a "
      "supported "
      "VHD. Disk is expected to have cookie value 'conectix'." +
      found);
}

Result<> check_uploaded_footer(const VhdFooter& footer) {
  if (footer.is(VhdType::dynamic)) {
    return refuse_vhd(
        "The uploaded disk is of Dynamic VHD type. Please retry with fixed VHD type.");
  }
  if (footer.is(VhdType::differencing)) {
    return refuse_vhd(
        "The uploaded disk is of Differencing VHD type. Please retry with fixed VHD type.");
  }
  if (auto checked = check_vhd_footer(footer); !checked) return refuse_vhd(checked.error().message);
  if (auto checked = check_fixed_size(footer); !checked) return refuse_vhd(checked.error().message);
  if (footer.current_size() % mib != 0) {
    return fail(Error{.kind = Kind::invalid,
                      .message = fmt::format(
                          "The VHD has an unsupported virtual size of {} bytes. The size must be a "
                          "whole number (in MBs). The next valid size is {} bytes.",
                          footer.current_size(), (footer.current_size() / mib + 1) * mib),
                      .code = "InvalidParameter"});
  }
  return {};
}

Opened opened_fixed(std::shared_ptr<Source> source, const VhdFooter& footer) {
  Opened opened{.format = Format::vhd, .variant = "fixed"};
  opened.disk = plain_disk(std::move(source), footer.current_size());
  add_footer_warnings(footer, opened.warnings);
  return opened;
}

}  // namespace

Result<Opened> open_vhd(std::shared_ptr<Source> source) {
  const auto footer = TRY(find_footer(*source));
  TRY(check_vhd_footer(footer));
  if (footer.is(VhdType::dynamic)) return open_dynamic_vhd(std::move(source), footer);
  TRY(check_fixed_size(footer));
  return opened_fixed(std::move(source), footer);
}

Result<Opened> open_uploaded_vhd(std::shared_ptr<Source> source) {
  const auto size_bytes = source->size_bytes();
  const auto marks = TRY(find_marks(*source));
  if (size_bytes < 2 * sector_bytes) return refuse_cookie(marks);
  const auto footer = TRY(read_vhd_footer(*source, size_bytes - sector_bytes));
  if (!footer.has_cookie()) {
    if (marks.size() == 1 && marks[0].ours == Format::vhd) {
      return refuse_vhd(fmt::format(
          "The VHD ends at byte {} without a whole 512-byte footer with the cookie 'conectix': the "
          "upload was cut short. Upload all of it, as fixed VHD type.",
          size_bytes));
    }
    return refuse_cookie(marks);
  }
  TRY(check_uploaded_footer(footer));
  for (const auto& mark : marks) {
    if (mark.ours == Format::vhd) continue;
    return refuse_vhd(fmt::format(
        "The VHD has the mark of a {} at byte {} of its disk, so that other programs may take it "
        "for one. Upload a disk that does not hold another image in place of a partition table.",
        mark.name, mark.byte));
  }
  return opened_fixed(std::move(source), footer);
}

}  // namespace pinaco::format
