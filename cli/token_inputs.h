// What both models are run on: token ids from a file, from a text, or the proof's own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "transload/format.h"
#include "transload/prove_outputs.h"

namespace transload::cli {

// One sequence a line, ids between blanks or commas; or an .npy of one or two dimensions, one sequence a row. Sequences
// of different lengths make one batch that is padded. Errc::usage naming the line, Errc::unsupported for an array of
// another kind.
TokenBatch read_ids(const std::string& path);

// `text` as one sequence. `vocabulary`: a tokenizer.json, vocab.json (with merges.txt beside it), vocab.txt, or the
// folder that holds them; empty: what lies beside either model. Errc::usage where there is none.
TokenBatch encode_text(const std::string& text, const std::string& vocabulary, const Location& first,
                       const Location& second);

// The proof's own inputs; and, where a vocabulary lies beside either model, the sentence that the old Bort script
// compares by, if both models take what comes of it. `longest`: also the longest sequence that both take.
std::vector<TokenBatch> own_inputs(const Model& first, const Model& second, const Location& first_location,
                                   const Location& second_location, bool longest);

}  // namespace transload::cli
