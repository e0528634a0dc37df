#include "outputs/stages.h"

#include <fmt/format.h>

#include <algorithm>

namespace transload::outputs {

using forward::Head;
using forward::Values;

Inputs make_inputs(std::vector<TokenBatch> batches) {
  Inputs inputs{std::move(batches), {}, {}};
  inputs.ids = distinct_ids(inputs.batches);
  for (const TokenBatch& batch : inputs.batches) inputs.word_rows.push_back(rows_among(batch, inputs.ids));
  return inputs;
}

Values run(const forward::Embeddings& parameters, const Settings& settings, const Feed& feed) {
  return forward::embed(parameters, *feed.batch, feed.word_rows, feed.position_rows, settings.epsilon);
}

Values run(const forward::Layer& parameters, const Settings& settings, const Feed& feed) {
  return forward::run_layer(parameters, *feed.hidden, *feed.batch, settings.heads, settings.activation,
                            settings.epsilon);
}

Values run(const forward::Pooler& parameters, const Settings&, const Feed& feed) {
  return forward::pool(parameters, *feed.hidden, *feed.batch);
}

Values run(const forward::Classifier& parameters, const Settings&, const Feed& feed) {
  if (feed.pooled != nullptr) return forward::classify(parameters, *feed.pooled);
  if (!feed.first_token) return forward::classify(parameters, *feed.hidden);
  return forward::classify(parameters, forward::first_tokens(*feed.hidden, *feed.batch));
}

Values run(const forward::MaskedLm& parameters, const Settings& settings, const Feed& feed) {
  std::vector<std::int64_t> rows;
  for (const Place& place : some_places(*feed.batch)) rows.push_back(place.row);
  return forward::transform(parameters, *feed.hidden, rows, settings.head_activation, settings.head_epsilon);
}

template <>
bool differ<forward::Embeddings>(const Settings& a, const Settings& b) {
  return a.epsilon != b.epsilon;
}
template <>
bool differ<forward::Layer>(const Settings& a, const Settings& b) {
  return a.epsilon != b.epsilon || a.activation != b.activation;
}
template <>
bool differ<forward::Pooler>(const Settings&, const Settings&) {
  return false;
}
template <>
bool differ<forward::Classifier>(const Settings&, const Settings&) {
  return false;
}
template <>
bool differ<forward::MaskedLm>(const Settings& a, const Settings& b) {
  return a.head_epsilon != b.head_epsilon || a.head_activation != b.head_activation;
}

bool lacks_pooler(const forward::Graph& graph, Head head) {
  return head != Head::mlm && graph.classifier_reads_pooled(head) && !graph.has_pooler();
}

bool is_per_token(Head head) noexcept { return head == Head::token_classifier || head == Head::span; }

std::vector<Stage> common_stages(const forward::Graph& first, const forward::Graph& second) {
  std::vector<Stage> stages{{Stage::Kind::embeddings, 0, {}, "embeddings"}};
  for (std::int64_t i = 0; i < first.sizes().layers; ++i) {
    stages.push_back({Stage::Kind::layer, i, {}, fmt::format("layer {}", i)});
  }
  const bool pooled = first.has_pooler() && second.has_pooler();
  if (pooled) stages.push_back({Stage::Kind::pooled, 0, {}, "pooled"});
  for (const Head head : first.heads()) {
    if (!second.has(head)) continue;
    if (lacks_pooler(first, head) || lacks_pooler(second, head)) continue;
    const auto kind = head == Head::mlm ? Stage::Kind::mlm : Stage::Kind::classifier;
    stages.push_back({kind, 0, head, std::string(forward::name(head)), !pooled});
  }
  return stages;
}

std::vector<Place> places_of(const Stage& stage, const TokenBatch& batch) {
  switch (stage.kind) {
    case Stage::Kind::embeddings:
    case Stage::Kind::layer: return token_places(batch);
    case Stage::Kind::pooled: return sequence_places(batch);
    case Stage::Kind::classifier: return is_per_token(stage.head) ? token_places(batch) : sequence_places(batch);
    case Stage::Kind::mlm: return some_places(batch);
  }
  return {};
}

}  // namespace transload::outputs
