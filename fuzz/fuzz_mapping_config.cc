// Configuration files of any content beside a small BERT, and beside the same as a Bort or RoBERTa of GluonNLP: an
// answer or an Error, quickly.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "small_models.h"
#include "transload/error.h"
#include "transload/mapping.h"
#include "wire/json.h"

namespace {

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
  static const transload::Index hf = transload::fuzz::small_bert(), gluon = transload::fuzz::small_gluon();
  transload::BindOptions options;
  options.config_json = std::string(reinterpret_cast<const char*>(data), size);
  try_all(hf, "bert", options);
  // What is no JSON object is refused by all alike, and binding takes long.
  try {
    if (!transload::wire::parse_json(*options.config_json, "x").is_object()) return 0;
  } catch (const transload::Error&) {
    return 0;
  }
  try_all(gluon, "bort", options);
  try_all(gluon, "roberta", options);
  for (const transload::Index* index : {&hf, &gluon}) {
    static_cast<void>(
        transload::detect(*index, {.family = {}, .dialect = {}, .to_dialect = {}, .config_json = options.config_json}));
  }
  return 0;
}
