// BERT checkpoints of small size, as names and shapes.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/synthetic.h"

namespace transload::testing {

struct BertShape {
  std::int64_t layers = 2, width = 8, inner = 16, positions = 12, types = 2, words = 30;
};

inline std::vector<NamedShape> hf_body(const std::string& root = "", const BertShape& s = {}, bool pooler = true) {
  std::vector<NamedShape> all;
  const auto add = [&](const std::string& name, Shape shape) {
    all.push_back({root + name, std::move(shape), DType::f32});
  };
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {s.width});
    add(name + ".bias", {s.width});
  };
  add("embeddings.word_embeddings.weight", {s.words, s.width});
  add("embeddings.position_embeddings.weight", {s.positions, s.width});
  add("embeddings.token_type_embeddings.weight", {s.types, s.width});
  norm("embeddings.LayerNorm");
  for (std::int64_t i = 0; i < s.layers; ++i) {
    const std::string layer = fmt::format("encoder.layer.{}.", i);
    linear(layer + "attention.self.query", s.width, s.width);
    linear(layer + "attention.self.key", s.width, s.width);
    linear(layer + "attention.self.value", s.width, s.width);
    linear(layer + "attention.output.dense", s.width, s.width);
    norm(layer + "attention.output.LayerNorm");
    linear(layer + "intermediate.dense", s.width, s.inner);
    linear(layer + "output.dense", s.inner, s.width);
    norm(layer + "output.LayerNorm");
  }
  if (pooler) linear("pooler.dense", s.width, s.width);
  return all;
}

inline void add_mlm_head(std::vector<NamedShape>& all, bool decoder, const BertShape& s = {}) {
  all.push_back({"cls.predictions.bias", {s.words}});
  all.push_back({"cls.predictions.transform.dense.weight", {s.width, s.width}});
  all.push_back({"cls.predictions.transform.dense.bias", {s.width}});
  all.push_back({"cls.predictions.transform.LayerNorm.weight", {s.width}});
  all.push_back({"cls.predictions.transform.LayerNorm.bias", {s.width}});
  if (!decoder) return;
  all.push_back({"cls.predictions.decoder.weight", {s.words, s.width}});
  all.push_back({"cls.predictions.decoder.bias", {s.words}});
}

inline void erase(std::vector<NamedShape>& all, const std::string& name) {
  std::erase_if(all, [&](const NamedShape& each) { return each.name == name; });
}

inline NamedShape& named(std::vector<NamedShape>& all, const std::string& name) {
  return *std::find_if(all.begin(), all.end(), [&](const NamedShape& each) { return each.name == name; });
}

}  // namespace transload::testing
