// Opening QCOW2 images, versions 2 and 3.
#pragma once

#include "format/format.h"

namespace pinaco::format {

// What the file does not hold is read from `below`, or as zeros without one.
Result<Opened> open_qcow2(std::shared_ptr<Source> source,
                          std::shared_ptr<const DiskReader> below = nullptr);

}  // namespace pinaco::format
