// Both models, one stage after the other: each stage's weights are loaded once, run for all batches, compared, and let
// go.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "outputs/rounding.h"
#include "outputs/side.h"
#include "outputs/stages.h"

namespace transload::outputs {

// Where a model's values first left the gate, for the search for the reason.
struct FirstBeyond {
  std::size_t stage = 0;                // in the list of stages
  std::vector<forward::Values> before;  // the first's hidden states that this stage reads, per batch
  std::vector<forward::Values> pooled;  // and its pooled outputs
};

struct LockstepResult {
  std::vector<StageDifference> stages;
  std::vector<Variant> variants;
  std::optional<RoundingCost> rounding;
  bool second_stores_more = false;  // somewhere the second has bits that the first never had
  std::optional<FirstBeyond> beyond;
};

// `done` is called after every stage, and may throw to end the run.
LockstepResult run_lockstep(const Side& first, const Side& second, const Inputs& inputs,
                            const std::vector<Stage>& stages, const Judged& judged, const Gate& gate,
                            const std::function<void()>& done);

// How many rows of the matrix to the vocabulary are in memory at a time.
constexpr std::int64_t kDecoderRows = 2048;

}  // namespace transload::outputs
