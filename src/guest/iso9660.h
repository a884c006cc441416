// A writer of small ISO 9660 images (ECMA-119) with Rock Ridge names: one folder, files of any
// name. The same input gives the same bytes: all times are 1 January 2020, and the owner is root.
//
//   sector  0-15  zeros          20  path table, big-endian
//             16  the volume     21  the folder: ".", "..", a record a file, with its long name
//             17  the end        22  the extension's name, which the "." record points to
//             18  path table     23… the files, each from the start of a sector
//                 (19: spare)
//
// Rock Ridge (IEEE P1282) is what Linux reads; without it, names are upper case 8.3. Pure. Limits:
// 16 files, names of 1 to 64 characters, 64 MiB in all. Errors: invalid for what does not fit.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace pinaco::guest {

struct DiscFile {
  std::string name;  // "ovf-env.xml"
  std::string content;
};

Result<Bytes> make_iso9660(const std::string& label, const std::vector<DiscFile>& files);

}  // namespace pinaco::guest
