// One stage of a model, run on one batch; the same for both sides, and for the search for a mistake.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "forward/blocks.h"
#include "outputs/compare.h"
#include "outputs/semantics.h"

namespace transload::outputs {

// The batches, and what is derived from their ids once.
struct Inputs {
  std::vector<TokenBatch> batches;
  std::vector<std::int64_t> ids;                     // distinct
  std::vector<std::vector<std::int64_t>> word_rows;  // per batch
};
Inputs make_inputs(std::vector<TokenBatch> batches);

// What a stage reads besides its parameters.
struct Feed {
  const TokenBatch* batch = nullptr;
  std::span<const std::int64_t> word_rows, position_rows;  // embeddings
  const forward::Values* hidden = nullptr;                 // all later stages
  const forward::Values* pooled = nullptr;                 // classifiers that read it
  bool first_token = false;  // a classifier of a sequence that reads the hidden state of its first token
};

forward::Values run(const forward::Embeddings& parameters, const Settings& settings, const Feed& feed);
forward::Values run(const forward::Layer& parameters, const Settings& settings, const Feed& feed);
forward::Values run(const forward::Pooler& parameters, const Settings& settings, const Feed& feed);
forward::Values run(const forward::Classifier& parameters, const Settings& settings, const Feed& feed);
// The hidden states before the output matrix, at some_places() of the batch.
forward::Values run(const forward::MaskedLm& parameters, const Settings& settings, const Feed& feed);

// Whether two settings make a stage compute something else.
template <class Parameters>
bool differ(const Settings& a, const Settings& b);

// The stages that both models have, in order.
struct Stage {
  enum class Kind : std::uint8_t { embeddings, layer, pooled, mlm, classifier } kind = Kind::embeddings;
  std::int64_t layer = 0;
  forward::Head head = forward::Head::mlm;
  std::string name;  // for reports
  // No stage `pooled` comes before: a classifier that reads the pooled output brings its pooler along, as the other
  // side's brings a transform of its own.
  bool with_pooler = false;
};
std::vector<Stage> common_stages(const forward::Graph& first, const forward::Graph& second);

// The head reads the pooled output of a model that has no pooler: it cannot be run.
bool lacks_pooler(const forward::Graph& graph, forward::Head head);

// A head that judges tokens one by one, so that every token's row counts.
bool is_per_token(forward::Head head) noexcept;
// The rows of a stage's values that are compared.
std::vector<Place> places_of(const Stage& stage, const TokenBatch& batch);

}  // namespace transload::outputs
