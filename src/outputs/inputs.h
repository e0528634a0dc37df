// The token ids that both models are run on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "transload/prove_outputs.h"

namespace transload::outputs {

// What both models take.
struct Limits {
  std::int64_t vocabulary = 0, positions = 0;
  std::int64_t types = 0;             // 0: one of them has no token types
  std::vector<std::int64_t> padding;  // ids that are padding to one of them wherever they stand
};

// Errc::mismatch where they are not of one size, and what make_graph() throws.
Limits limits_of(const Model& first, const Model& second);

// Lengths 1, 15 and 128, shortened to `positions`; a pair of sequences of which the second is padded, with token types
// where both models have them; with `longest` also one sequence of `positions` tokens.
//
// The ids are made by SplitMix64 (Steele, Lea and Flood 2014) from the state 2019, one step per token over all batches:
// id = 4 + value mod (vocabulary - 4), so that they keep off the special tokens that stand first in most vocabularies;
// value mod vocabulary where there are fewer than 16 words, the next one for padding. The first of the 15 tokens is
// id 0 and the last id 2 (where they are no padding), for the rows of special tokens. Padding has id 1.
std::vector<TokenBatch> default_inputs(const Limits& limits, bool longest);

// Errc::usage naming the batch and the id, token type or length that a model does not take. (MXNet would clip an id to
// the last word, and a position to the last row.)
void check_inputs(std::span<const TokenBatch> batches, const Limits& limits);

// How many tokens of a sequence count.
std::int64_t valid_tokens(const TokenBatch& batch, std::int64_t sequence);

// One row of values that is compared, and where it belongs.
struct Place {
  std::int64_t row = 0, sequence = 0, position = 0;
};
std::vector<Place> token_places(const TokenBatch& batch);     // every token that is not padding
std::vector<Place> sequence_places(const TokenBatch& batch);  // one row per sequence
// At most eight tokens, spread over the batch, the first and the last among them. `row` is that of the hidden states.
std::vector<Place> some_places(const TokenBatch& batch);

// All ids of the batches once, ascending; and for each token of a batch its index among them.
std::vector<std::int64_t> distinct_ids(std::span<const TokenBatch> batches);
std::vector<std::int64_t> rows_among(const TokenBatch& batch, std::span<const std::int64_t> distinct);

}  // namespace transload::outputs
