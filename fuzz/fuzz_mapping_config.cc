// Configuration files of any content beside a small BERT: an answer or an Error, quickly.
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const transload::Index index = small_bert();
  const transload::Mapping& bert = transload::Mapping::builtin("bert");
  transload::BindOptions options;
  options.config_json = std::string(reinterpret_cast<const char*>(data), size);
  try {
    const transload::Binding binding = bert.bind(index, options);
    for (const char* dialect : {"hf", "tf1"}) {
      static_cast<void>(bert.config_file(binding, dialect, transload::DType::f32, options.config_json));
    }
  } catch (const transload::Error&) {
  }
  return 0;
}
