// One conversion from end to end, as the verbs share it: bind, plan, layout, run, prove.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sidecars.h"
#include "target.h"
#include "transload/mapping.h"
#include "transload/prove.h"
#include "transload/prove_outputs.h"
#include "transload/run.h"

namespace transload::cli {

struct JobOptions {
  std::string family;              // empty: detected; "none": keep all names
  std::string from_dialect;        // empty: detected
  bool body_only = false;          // without the heads, each dropped by name
  std::vector<std::string> drop;   // globs
  bool drop_unknown = false;       // tensors that no rule knows, instead of refusing them
  std::optional<DType> floats;     // empty: keep
  std::optional<TextFile> config;  // wins over what lies beside the source
  bool allow_overflow = false, allow_nonfinite = true;
  bool sidecars = true, papers = false;  // configuration and vocabulary; licence and model card
};

// All that is decided before a byte is written.
struct Job {
  Location location;
  std::shared_ptr<Reader> source;
  std::optional<Binding> binding;  // empty: names are kept
  std::optional<TextFile> config;  // the configuration that was used
  bool has_config = false;         // a configuration is written beside the output
  Plan plan;
  Layout layout;
  std::vector<Sidecar> sidecars;
  std::vector<std::string> strangers;  // what lies there and would be read with the output (sidecars.h)
};

// Throws Error with everything that stands in the way; writes nothing.
Job prepare(const Location& location, std::shared_ptr<Reader> source, const Target& target, const JobOptions& options);

enum class ProofLevel { none, exact, run };  // each includes the ones before it

struct CarryOutOptions {
  bool overwrite = false, progress = true;
  ProofLevel proof = ProofLevel::exact;
  bool insist = false;   // run both models also where that can show nothing, because values became infinite
  unsigned threads = 0;  // 0: one per core
};

// What came of it. `signal`: SIGINT, SIGTERM or SIGHUP ended it, and a line on stderr says what is at the destination.
struct Outcome {
  int signal = 0;
  std::vector<std::string> notes;  // what became of the values
  std::vector<std::string> met;    // what became of interrupted runs, and what stays, said on stderr
  std::string unconfirmed;         // why it may not survive a loss of power, said on stderr; empty: it does
  std::optional<ExactProof> exact;
  std::optional<OutputsProof> outputs;
  bool replaced = false;    // another conversion took its place before it was proven, said on stderr
  std::string why_not_run;  // where running both models was wanted
  bool holds = true;        // what was proven
  int exit_code() const { return holds && unconfirmed.empty() ? 0 : 1; }
};

// Writes the output; then opens it anew, compares it with what the plan makes of the source, and runs both models. A
// proof that fails is no Error: it is said on stderr, and the output stays.
Outcome carry_out(const Job& job, const Target& target, const CarryOutOptions& options);

// "exact: 40 source tensors: 39 carried over, 1 dropped; ..."
std::string summary(const ExactProof& proof);

}  // namespace transload::cli
