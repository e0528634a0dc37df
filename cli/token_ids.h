// Token ids from a file, for both models to be run on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/prove_outputs.h"

namespace transload::cli {

using Sequences = std::vector<std::vector<std::int64_t>>;

// One batch of sequences of any lengths, padded to the longest.
TokenBatch batch_of(std::string name, const Sequences& sequences);

// One sequence a line, ids between blanks or commas; or an .npy of one or two dimensions, one sequence a row. Sequences
// of different lengths make one batch that is padded. Errc::usage naming the line, Errc::unsupported for an array of
// another kind.
TokenBatch read_ids(const std::string& path);

}  // namespace transload::cli
