// An OutputsProof as text for people and as JSON for programs (docs/prove.md has the schema).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "transload/prove_outputs.h"

namespace transload::outputs {

// A table of the stages, then variants, what rounding cost, contradictions, notes, and the mistake. One line each,
// without the verdict.
std::vector<std::string> report_lines(const OutputsProof& proof);
// The same without the table.
std::vector<std::string> remark_lines(const OutputsProof& proof);
// The verdict: "both models run on 180 tokens: 14 stages agree, the largest difference is 3.1e-15 of its stage".
std::string summary(const OutputsProof& proof);
nlohmann::ordered_json to_json(const OutputsProof& proof);

}  // namespace transload::outputs
