// The sizes of a model from the shapes of its tensors.
#pragma once

#include <vector>

#include "mapping/dims.h"
#include "mapping/family.h"
#include "mapping/problems.h"
#include "transload/index.h"

namespace transload::mapping {

struct ShapedTensor {
  const Stored* stored;
  const TensorInfo* tensor;
};

// Learns every size that the shapes show and `dims` does not know; adds a problem for each tensor whose shape is not
// what the known sizes give. Earlier tensors win over later ones, and what `dims` knows over all.
void unify(const Family& family, const std::vector<ShapedTensor>& tensors, Dims& dims, Problems& problems);

}  // namespace transload::mapping
