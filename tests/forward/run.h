// A whole forward pass over one batch, stage by stage.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "forward/blocks.h"
#include "forward/graph.h"

namespace transload::forward {

struct Stage {
  std::string name;  // as StageDifference::stage
  Values values;
};

// Rows of hidden states that the masked language model's head is run on: [sequence * length + position]. Empty: all.
// The stages come in the order in which they are computed: embeddings, layers, pooled, heads. Scores of "mlm" are
// [rows, vocabulary]. Errc::usage for ids, types or a length that the model does not take.
std::vector<Stage> run(const Graph& graph, const TokenBatch& batch, std::span<const std::int64_t> masked_rows = {});

}  // namespace transload::forward
