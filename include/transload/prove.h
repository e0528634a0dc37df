// Showing that an output holds what its plan promised.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/plan.h"
#include "transload/run.h"

namespace transload {

struct Difference {
  std::string tensor, what;
};

// Level 1: every source tensor is carried over or dropped for a reason. Level 2: every output tensor, read again from
// the files, equals what the plan makes of the sources, bit for bit, and there is no other.
struct ExactProof {
  std::uint64_t source_tensors = 0, carried = 0, dropped = 0;  // level 1
  std::uint64_t tensors = 0, equal = 0, bytes = 0;             // level 2
  std::vector<Difference> differences;
  std::vector<bool> slot_equal;  // one per slot of the plan
  bool holds() const noexcept { return differences.empty(); }
};

// `target` is the output, opened anew.
ExactProof prove_exact(const Plan& plan, const Sources& sources, const Reader& target, const RunOptions& options = {});

}  // namespace transload
