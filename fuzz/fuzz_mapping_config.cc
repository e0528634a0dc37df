// Configuration files of any content beside a small BERT, and beside the same as a Bort or RoBERTa of GluonNLP: an
// answer or an Error, quickly.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "transload/error.h"
#include "transload/mapping.h"

namespace {

void add(transload::Index& index, const std::string& name, transload::Shape shape) {
  const std::uint64_t size = transload::tensor_bytes(transload::DType::f32, shape);
  transload::Storage room;
  room.at = {0, 0, size};
  room.size = size;
  index.storages.push_back(room);
  const auto storage = static_cast<std::uint32_t>(index.storages.size() - 1);
  index.tensors.push_back({name, transload::DType::f32, std::move(shape), {{{}, {}, storage, 0, {}}}});
}

// The model that tests/hostile/config describes: one layer, 8 wide.
transload::Index small_bert() {
  transload::Index index;
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
transload::Index small_gluon() {
  transload::Index index;
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

void try_all(const transload::Index& index, const std::string& family, const transload::BindOptions& options) {
  const transload::Mapping& mapping = transload::Mapping::builtin(family);
  try {
    const transload::Binding binding = mapping.bind(index, options);
    for (const std::string& dialect : mapping.dialects()) {
      static_cast<void>(mapping.config_file(binding, dialect, transload::DType::f32, options.config_json));
    }
  } catch (const transload::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const transload::Index hf = small_bert(), gluon = small_gluon();
  transload::BindOptions options;
  options.config_json = std::string(reinterpret_cast<const char*>(data), size);
  try_all(hf, "bert", options);
  try_all(gluon, "bort", options);
  try_all(gluon, "roberta", options);
  for (const transload::Index* index : {&hf, &gluon}) {
    static_cast<void>(
        transload::detect(*index, {.family = {}, .dialect = {}, .to_dialect = {}, .config_json = options.config_json}));
  }
  return 0;
}
