// Showing that two models compute the same: each is run by its own framework's names and semantics, in double
// precision, and their outputs are compared stage by stage. In a library of its own, transload::proof (OpenBLAS).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "transload/dtype.h"
#include "transload/format.h"

namespace transload {

// Sequences of token ids of one length. Row-major [sequences, length].
struct TokenBatch {
  std::string name;  // for reports: "15 tokens"
  std::int64_t sequences = 0, length = 0;
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> types;  // token types; empty: zeros
  std::vector<std::int64_t> valid;  // per sequence: how many tokens count, the rest is padding; empty: all
};

// One side: weights, and what they mean.
struct Model {
  std::shared_ptr<const Reader> weights;
  std::string display;          // as messages call it
  std::string family, dialect;  // "bert", "bort", "roberta"; "hf", "tf1", "gluon"
  std::string prefix;           // what stands before the model's own names: containers, wrappers
  std::string config_json;      // in the dialect's own keys
  std::string config_name;      // for messages
};

// Whether there is a forward graph for it. The graphs read no mapping: a wrong one could not prove itself right.
bool can_run(std::string_view family, std::string_view dialect) noexcept;

struct OutputsOptions {
  std::vector<TokenBatch> inputs;  // empty: lengths 1, 15, 128 and one padded pair, made from fixed numbers
  bool longest = false;            // the longest that both models take, too
  double gate = 1e-9;              // largest difference allowed, relative to the stage's largest value
  std::optional<double> atol;      // an absolute gate instead
  bool find_mistake = true;        // when they differ: try the known mistakes
  unsigned threads = 0;            // 0: one per core
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  std::stop_token stop;
};

// One stage: "embeddings", "layer 0", ..., "pooled", "mlm", "nsp", "classifier", "span".
struct StageDifference {
  std::string stage;
  double largest = 0, scale = 0;  // of the difference; of the stage's values
  std::string batch;              // where the largest is
  std::int64_t sequence = 0, position = 0, unit = 0;
  bool within = true;
  double relative() const noexcept { return scale > 0 ? largest / scale : largest; }
};

// What the two frameworks do differently by their code, not by a file: the gate runs with it aligned.
struct Variant {
  std::string what, first, second;  // "activation", "gelu (erf)", "gelu (tanh, in Google's code)"
  double effect = 0, relative = 0;  // on the stage where it shows most
  std::string stage;
};

// What rounding the second model's weights to fewer bits cost, against the old scripts' allclose(atol=1e-3).
struct RoundingCost {
  DType to = DType::f16;
  double largest = 0, relative = 0;  // on the last hidden states
  bool allclose = false;
};

struct OutputsProof {
  std::vector<StageDifference> stages;  // in the order in which they are computed
  std::vector<Variant> variants;
  std::vector<std::string> contradictions;  // of the two configurations, each a sentence; any of them fails the proof
  std::optional<RoundingCost> rounding;
  std::string mistake;             // the known mistake that makes the outputs agree; empty: none was found
  std::vector<std::string> notes;  // such as a head that only one side has
  std::uint64_t tokens = 0;        // that each model was run on
  // Null: every stage is within.
  const StageDifference* first_beyond() const noexcept {
    for (const StageDifference& stage : stages) {
      if (!stage.within) return &stage;
    }
    return nullptr;
  }
  bool holds() const noexcept { return !stages.empty() && contradictions.empty() && first_beyond() == nullptr; }
};

// `first` is the source, `second` the output. Where the second stores a tensor with fewer bits, the first's values are
// rounded so before they are compared, and what that costs is measured apart. Errc::mismatch where the two are not of
// one size, Errc::unsupported where there is no graph, Errc::usage for ids out of range or a text that is too long.
OutputsProof prove_outputs(const Model& first, const Model& second, const OutputsOptions& options = {});

}  // namespace transload
