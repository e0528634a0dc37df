#include "outputs/neighbours.h"

#include <fmt/format.h>

#include <algorithm>

namespace transload::outputs {
namespace {

bool look_at_embeddings(const forward::Graph& graph, const Inputs& inputs, const Look& look) {
  forward::Embeddings embeddings = graph.embeddings(std::span(inputs.ids).first(1));
  std::vector<Module> found = modules(embeddings);
  std::erase_if(found, [](const Module& module) { return !module.norm; });
  return look(Stage::Kind::embeddings, found);
}

bool look_at_norms_of(const forward::Graph& graph, std::int64_t number, const Look& look) {
  forward::Layer layer = graph.layer(number);
  std::vector<Module> found = modules(layer);
  std::erase_if(found, [](const Module& module) { return !module.norm; });
  for (Module& module : found) module.name += fmt::format(" of layer {}", number);
  return look(Stage::Kind::layer, found);
}

bool look_at_pooler(const forward::Graph& graph, const Look& look) {
  if (!graph.has_pooler()) return false;
  forward::Pooler pooler = graph.pooler();
  return look(Stage::Kind::pooled, modules(pooler));
}

bool look_at_mlm(const forward::Graph& graph, const Look& look) {
  if (!graph.has(forward::Head::mlm)) return false;
  forward::MaskedLm head = graph.masked_lm();
  return look(Stage::Kind::mlm, modules(head));
}

}  // namespace

bool for_each_neighbour(const forward::Graph& graph, const Stage& stage, const Inputs& inputs, const Look& look) {
  const std::int64_t layers = graph.sizes().layers;
  switch (stage.kind) {
    case Stage::Kind::embeddings:
      for (std::int64_t i = 0; i < layers; ++i) {
        if (look_at_norms_of(graph, i, look)) return true;
      }
      return look_at_mlm(graph, look);
    case Stage::Kind::layer: return look_at_embeddings(graph, inputs, look) || look_at_mlm(graph, look);
    case Stage::Kind::pooled: return look_at_mlm(graph, look);
    case Stage::Kind::mlm:
      return look_at_pooler(graph, look) || look_at_embeddings(graph, inputs, look) ||
             (layers > 0 && look_at_norms_of(graph, layers - 1, look));
    case Stage::Kind::classifier: return look_at_pooler(graph, look) || look_at_mlm(graph, look);
  }
  return false;
}

}  // namespace transload::outputs
