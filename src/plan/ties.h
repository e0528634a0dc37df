// Tensors of a source that are one and the same: several names over one place.
#pragma once

#include <cstdint>

#include "transload/plan.h"

namespace transload {

// Says in `plan.equals` which tensors of source number `source` are the same elements in the same order, so that a
// format that keeps ties stores them once. Only tensors that slots copy are looked at.
void keep_ties(Plan& plan, std::uint32_t source, const Index& index);

}  // namespace transload
