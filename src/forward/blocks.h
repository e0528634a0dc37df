// The arithmetic that all graphs share, in double precision: matrix products by OpenBLAS, the rest by hand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "forward/graph.h"
#include "forward/parameters.h"

namespace transload::forward {

// Values of one stage for one batch: [sequences * length, width] for hidden states, [sequences, width] for pooled ones.
struct Values {
  std::int64_t rows = 0, width = 0;
  std::vector<double> data;
};

double activate(Activation activation, double x) noexcept;

// x weight^T + bias.
Values linear(const Values& x, const Linear& linear);
// In place. epsilon stands inside the root.
void normalise(Values& x, const Norm& norm, double epsilon);

// word + position (+ type) -> norm. `word_rows`: for each token of `batch`, its row in `parameters.words`.
Values embed(const Embeddings& parameters, const TokenBatch& batch, std::span<const std::int64_t> word_rows,
             std::span<const std::int64_t> position_rows, double epsilon);
// One post-norm layer: attention over the valid tokens of each sequence, then the feed-forward pair. Rows of padding
// hold values without meaning.
Values run_layer(const Layer& parameters, const Values& hidden, const TokenBatch& batch, std::int64_t heads,
                 Activation activation, double epsilon);
// Some rows of `x`, in the order of `rows`: Errc::usage beyond its last.
Values pick_rows(const Values& x, std::span<const std::int64_t> rows);
// The row of the first token of each sequence.
Values first_tokens(const Values& hidden, const TokenBatch& batch);
// tanh of the first token's hidden state through the dense layer.
Values pool(const Pooler& parameters, const Values& hidden, const TokenBatch& batch);
// Hidden states of the masked language model's head before its output matrix, for the given rows of `hidden`.
Values transform(const MaskedLm& parameters, const Values& hidden, std::span<const std::int64_t> rows,
                 Activation activation, double epsilon);
Values classify(const Classifier& parameters, const Values& x);
// Part of the vocabulary's scores: x decoder_rows^T, without the bias.
Values scores(const Values& x, const Tensor& decoder_rows);

// How many threads matrix products use from now on, at most one per core; 0: one per core. Fewer where there is no
// address space for what OpenBLAS keeps for each; Errc::io where there is none at all.
void set_threads(unsigned threads);

}  // namespace transload::forward
