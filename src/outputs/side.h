// One of the two models while the stages are run: its graph, and what is asked of it once.
#pragma once

#include <tbb/parallel_invoke.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "forward/graph.h"
#include "outputs/stages.h"

namespace transload::outputs {

struct Side {
  std::unique_ptr<forward::Graph> graph;
  std::vector<std::vector<std::int64_t>> position_rows;  // per batch

  explicit Side(const Model& model) : graph(forward::make_graph(model)) {}
  void prepare(const Inputs& inputs) {
    for (const TokenBatch& batch : inputs.batches) position_rows.push_back(graph->positions(batch));
  }
  // `hidden` and `pooled` may be null where the stage reads no such thing.
  Feed feed(const Inputs& inputs, const Stage& stage, std::size_t batch, const forward::Values* hidden,
            const forward::Values* pooled) const {
    Feed feed{&inputs.batches[batch], inputs.word_rows[batch], position_rows[batch], hidden, nullptr, false};
    if (stage.kind != Stage::Kind::classifier) return feed;
    if (graph->classifier_reads_pooled(stage.head) && !stage.with_pooler) feed.pooled = pooled;
    feed.first_token = !is_per_token(stage.head);
    return feed;
  }
};

// The same of both models, read at the same time.
template <class Load>
auto load_both(const Side& first, const Side& second, Load load) {
  using Parameters = decltype(load(*first.graph));
  std::pair<Parameters, Parameters> both;
  tbb::parallel_invoke([&] { both.first = load(*first.graph); }, [&] { both.second = load(*second.graph); });
  return both;
}

inline forward::Classifier load_classifier(const forward::Graph& graph, const Stage& stage) {
  forward::Classifier classifier = graph.classifier(stage.head);
  if (stage.with_pooler && graph.classifier_reads_pooled(stage.head)) classifier.transform = graph.pooler().dense;
  return classifier;
}

// Calls `work` with a function that loads a stage's parameters from a graph.
template <class Work>
void with_loader(const Stage& stage, const Inputs& inputs, Work work) {
  using forward::Graph;
  switch (stage.kind) {
    case Stage::Kind::embeddings: return work([&](const Graph& graph) { return graph.embeddings(inputs.ids); });
    case Stage::Kind::layer: return work([&](const Graph& graph) { return graph.layer(stage.layer); });
    case Stage::Kind::pooled: return work([](const Graph& graph) { return graph.pooler(); });
    case Stage::Kind::mlm: return work([](const Graph& graph) { return graph.masked_lm(); });
    case Stage::Kind::classifier: return work([&](const Graph& graph) { return load_classifier(graph, stage); });
  }
}

}  // namespace transload::outputs
