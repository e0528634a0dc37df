// The proof by running both models, for a conversion (docs/prove.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "job.h"
#include "output.h"
#include "transload/prove_outputs.h"

namespace transload::cli {

// Why it cannot be done for this job: names that no family has, a model without a forward graph, sizes that are not
// known. Empty: it can. Reads no tensors. Throws where the two sides contradict each other.
std::string why_not_run(const Job& job, const Target& target);

// `output`: what was written, opened anew.
OutputsProof run_both(const Job& job, const Target& target, std::shared_ptr<const Reader> output,
                      const OutputsOptions& options);

// One line: the verdict.
std::string summary(const OutputsProof& proof);
// What else is to be said, also of a proof that holds: variants, what rounding cost, heads that were not compared.
std::vector<std::string> remarks(const OutputsProof& proof);
// The table of stages and the mistake that was found, on stderr.
void print_failure(const OutputsProof& proof);
Json json_of(const OutputsProof& proof);

}  // namespace transload::cli
