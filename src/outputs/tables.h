// Tables of which the inputs use only some rows, compared row by row.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "forward/graph.h"

namespace transload::outputs {

// The first row of the table of words in which the two models differ, but for rows of padding; the first's values are
// rounded as the second stores them. Rows are read as bytes where both store the same type, as doubles only where those
// differ. `go_on` is called often, and may throw.
std::optional<std::int64_t> first_other_word(const forward::Graph& first, const forward::Graph& second,
                                             const std::function<void()>& go_on);

// Batches that show what `batches` leave out: the first word (no padding) whose row differs, and all positions where a
// row beyond the longest batch does. They are run and judged as all others.
std::vector<TokenBatch> batches_for_other_rows(const forward::Graph& first, const forward::Graph& second,
                                               const std::vector<TokenBatch>& batches,
                                               const std::function<void()>& go_on);

// Where a model's framework ties the matrix to the vocabulary to the word embeddings, and its file stores both with
// other values: a sentence, as a contradiction where the matrix is loaded, else as a note.
void check_tie(const forward::Graph& graph, std::vector<std::string>& contradictions, std::vector<std::string>& notes,
               const std::function<void()>& go_on);

}  // namespace transload::outputs
