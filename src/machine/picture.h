// A screen as libvirt hands it out, as a PNG. Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace pinaco::machine {

// From a binary PPM ("P6", 8 bits a colour); a PNG stays as it is. corrupt for anything else.
Result<Bytes> to_png(ByteView picture);

}  // namespace pinaco::machine
