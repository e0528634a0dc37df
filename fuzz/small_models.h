// Two models of tests/hostile/config's sizes, as indexes without bytes, for fuzzers that need something to bind.
#pragma once

#include <string>
#include <utility>

#include "transload/index.h"

namespace transload::fuzz {

inline void add(Index& index, const std::string& name, Shape shape) {
  const std::uint64_t size = tensor_bytes(DType::f32, shape);
  Storage room;
  room.at = {0, 0, size};
  room.size = size;
  index.storages.push_back(room);
  const auto storage = static_cast<std::uint32_t>(index.storages.size() - 1);
  index.tensors.push_back({name, DType::f32, std::move(shape), {{{}, {}, storage, 0, {}}}});
}

// The model that tests/hostile/config describes: one layer, 8 wide.
inline Index small_bert() {
  Index index;
  add(index, "embeddings.word_embeddings.weight", {10, 8});
  add(index, "embeddings.position_embeddings.weight", {8, 8});
  add(index, "embeddings.token_type_embeddings.weight", {2, 8});
  const std::string layer = "encoder.layer.0.";
  for (const std::string& norm : {std::string("embeddings."), layer + "attention.output.", layer + "output."}) {
    add(index, norm + "LayerNorm.weight", {8});
    add(index, norm + "LayerNorm.bias", {8});
  }
  for (const char* linear :
       {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"}) {
    add(index, layer + linear + ".weight", {8, 8});
    add(index, layer + linear + ".bias", {8});
  }
  add(index, layer + "intermediate.dense.weight", {16, 8});
  add(index, layer + "intermediate.dense.bias", {16});
  add(index, layer + "output.dense.weight", {8, 16});
  add(index, layer + "output.dense.bias", {8});
  index.seal();
  return index;
}

// The same model without token types, as GluonNLP has it.
inline Index small_gluon() {
  Index index;
  add(index, "encoder.position_weight", {8, 8});
  const std::string cell = "encoder.transformer_cells.0.";
  for (const std::string& norm : {std::string("encoder."), cell + "ffn.", cell}) {
    add(index, norm + "layer_norm.gamma", {8});
    add(index, norm + "layer_norm.beta", {8});
  }
  for (const char* linear :
       {"attention_cell.proj_query", "attention_cell.proj_key", "attention_cell.proj_value", "proj"}) {
    add(index, cell + linear + ".weight", {8, 8});
    add(index, cell + linear + ".bias", {8});
  }
  add(index, cell + "ffn.ffn_1.weight", {16, 8});
  add(index, cell + "ffn.ffn_1.bias", {16});
  add(index, cell + "ffn.ffn_2.weight", {8, 16});
  add(index, cell + "ffn.ffn_2.bias", {8});
  add(index, "word_embed.0.weight", {10, 8});
  index.seal();
  return index;
}

}  // namespace transload::fuzz
