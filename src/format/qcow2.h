// Opening QCOW2 images, versions 2 and 3.
#pragma once

#include "format/format.h"

namespace pinaco::format {

Result<Opened> open_qcow2(std::shared_ptr<Source> source);

}  // namespace pinaco::format
