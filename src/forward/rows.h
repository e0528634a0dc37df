// What happens to one row of values at a time.
#pragma once

#include <span>

#include "forward/graph.h"

namespace transload::forward {

void activate(Activation activation, std::span<double> values) noexcept;
// (x - mean) / sqrt(variance + epsilon) * scale + shift, with the variance of the row itself (not the sample's).
void normalise_row(std::span<double> row, std::span<const double> scale, std::span<const double> shift,
                   double epsilon) noexcept;
// exp(x) / sum exp(x), safe from overflow.
void softmax(std::span<double> row) noexcept;

}  // namespace transload::forward
