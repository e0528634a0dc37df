// What both models are run on: a text, or the proof's own inputs; token_ids.h has ids from files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "transload/format.h"
#include "transload/prove_outputs.h"

namespace transload::cli {

// `text` as one sequence. `vocabulary`: a tokenizer.json, vocab.json (with merges.txt beside it), vocab.txt, or the
// folder that holds them; empty: what lies beside either model. Errc::usage where there is none.
TokenBatch encode_text(const std::string& text, const std::string& vocabulary, const Location& first,
                       const Location& second);

// The proof's own inputs; and, where a vocabulary lies beside either model, the sentence that the old Bort script
// compares by, if both models take what comes of it. `longest`: also the longest sequence that both take.
std::vector<TokenBatch> own_inputs(const Model& first, const Model& second, const Location& first_location,
                                   const Location& second_location, bool longest);

}  // namespace transload::cli
