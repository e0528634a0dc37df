// Changing the dtype of floating-point elements.
#pragma once

#include <cstdint>

#include "transload/bytes.h"
#include "transload/dtype.h"

namespace transload {

// Converts `in.size() / element_bytes(from)` elements among float16, bfloat16, float32 and float64: IEEE round to
// nearest, ties to even, in one rounding. A NaN stays a NaN, quiet, with the upper bits of its payload. Returns how
// many finite values became infinite. Errc::usage for other dtypes.
std::uint64_t cast(DType from, DType to, ByteView in, MutableByteView out);

}  // namespace transload
