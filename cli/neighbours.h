// What lies already where an output is to go, and what that means for it.
#pragma once

#include <string>
#include <vector>

#include "job.h"

namespace transload::cli {

// Weights `stays`, which would be loaded instead of the output, must not get its configuration.
void refuse_two_models(const Target& target, const std::string& stays, const std::vector<Sidecar>& sidecars);
// The output has no configuration: that of another model would be taken for it.
void refuse_foreign_config(const Target& target);
// A second TensorFlow prefix in a folder must not replace what it shares with the first.
void refuse_shared(const Location& location, const Target& target, const std::vector<Sidecar>& sidecars);
// Where the output lies beside the source, files of the source may be replaced: a note for each.
void note_replaced(const Location& location, const Target& target, const std::vector<Sidecar>& sidecars, Plan& plan);

// What lies in the target's folder, belongs to no file of the new set, and would be read with the new weights:
// tokenizer, vocabulary and configuration where `with_sidecars`, and the index of a sharded set. Nothing where the
// source lies in that folder itself.
std::vector<std::string> strangers(const Location& location, const Target& target, const std::vector<Sidecar>& sidecars,
                                   bool with_sidecars);
void refuse_strangers(const Job& job, const Target& target);
std::string describe_strangers(const Job& job, const Target& target);

// The first file of the output that exists and is not to be replaced unasked; empty: none.
std::string in_the_way(const Job& job, const Target& target);
// What a run would refuse, or warn of: for --dry-run.
std::vector<std::string> obstacles(const Job& job, const Target& target, bool force);

}  // namespace transload::cli
