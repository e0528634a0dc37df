// A few numbers about a tensor's values.
#pragma once

#include <cstdint>
#include <optional>

#include "transload/format.h"

namespace transload::cli {

// Over the finite values; `mean` and `deviation` (population) are computed in double precision.
struct Stats {
  double least = 0, greatest = 0, mean = 0, deviation = 0;
  std::uint64_t zeros = 0, nans = 0, infinities = 0;
};

// Nothing for dtypes that are no real numbers, and for empty tensors.
std::optional<Stats> stats_of(const Reader& reader, const TensorInfo& tensor);

}  // namespace transload::cli
