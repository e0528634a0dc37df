// NumPy's files: .npy (one array) and .npz (a zip archive of them), which MXNet 2 also writes as .params. Only read.
// Rules and sources: docs/formats/npz.md.
#pragma once

#include "transload/format.h"

namespace transload::numpy {

const Format& npy_format();
const Format& npz_format();

}  // namespace transload::numpy
