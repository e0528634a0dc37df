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
#include "transload/run.h"

namespace transload::cli {

struct JobOptions {
  std::string family;              // empty: detected; "none": keep all names
  std::string from_dialect;        // empty: detected
  bool body_only = false;          // without the heads, each dropped by name
  std::vector<std::string> drop;   // globs
  std::optional<DType> floats;     // empty: keep
  std::optional<TextFile> config;  // wins over what lies beside the source
  bool allow_overflow = false;
  bool sidecars = true, papers = false;  // configuration and vocabulary; licence and model card
};

// All that is decided before a byte is written.
struct Job {
  std::shared_ptr<Reader> source;
  std::optional<Binding> binding;  // empty: names are kept
  Plan plan;
  Layout layout;
  std::vector<Sidecar> sidecars;
};

// Throws Error with everything that stands in the way; writes nothing.
Job prepare(const Location& location, std::shared_ptr<Reader> source, const Target& target, const JobOptions& options);

// Opens the output anew and compares it with what the plan makes of the source.
ExactProof prove_exact(const Job& job, const Target& target, const RunOptions& options);

// "exact: 40 source tensors: 39 carried over, 1 dropped; ..."
std::string summary(const ExactProof& proof);

}  // namespace transload::cli
