// Where every byte of a safetensors file goes.
#pragma once

#include "transload/format.h"
#include "transload/plan.h"

namespace transload::safetensors {

// The bytes are those that the safetensors library writes for the same tensors and metadata; several metadata entries,
// which the library writes in no fixed order, are sorted by key.
Layout layout(const Plan& plan, const LayoutOptions& options);

}  // namespace transload::safetensors
