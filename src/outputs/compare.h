// Comparing one stage of two models.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "forward/blocks.h"
#include "outputs/inputs.h"
#include "transload/prove_outputs.h"

namespace transload::outputs {

struct Gate {
  double relative = 1e-9;
  std::optional<double> absolute;  // instead
};

// Gathers the largest difference of a stage over batches. A NaN or an infinity on either side is a difference that is
// infinitely large: it equals nothing, also not itself.
class Comparison {
 public:
  explicit Comparison(std::string_view stage) { difference_.stage = stage; }

  // Row `place.row` of both for every place. `first_unit`: the number of column 0, for values that come in parts.
  void add(const forward::Values& first, const forward::Values& second, std::span<const Place> places,
           std::string_view batch, std::int64_t first_unit = 0);
  // Over all that was added. The scale is the first's largest magnitude.
  StageDifference result(const Gate& gate) const;

 private:
  StageDifference difference_;
  bool any_ = false;
};

// numpy.allclose(first, second, atol=1e-3), by which the old scripts judge: also no NaN.
bool all_close(const forward::Values& first, const forward::Values& second, std::span<const Place> places);

}  // namespace transload::outputs
