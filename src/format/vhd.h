// Opening VHD images, fixed and dynamic.
#pragma once

#include "format/format.h"
#include "format/vhd_footer.h"

namespace pinaco::format {

Result<Opened> open_vhd(std::shared_ptr<Source> source);

// `footer` is the checked one at the end of the source, of a dynamic disk.
Result<Opened> open_dynamic_vhd(std::shared_ptr<Source> source, const VhdFooter& footer);

}  // namespace pinaco::format
