// A model's configuration as the proof reads it: an Error, or values of the kinds that were asked for.
#include <cstddef>
#include <cstdint>
#include <string>

#include "forward/settings.h"
#include "transload/error.h"

namespace {

template <class Function>
void guarded(Function function) {
  try {
    function();
  } catch (const transload::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  transload::Model model;
  model.config_json.assign(reinterpret_cast<const char*>(data), size);
  guarded([&] {
    const transload::forward::Settings settings(model);
    for (const char* key : {"hidden_size", "num_attention_heads", "layer_norm_eps", "hidden_act", "architectures"}) {
      settings.has(key);
      guarded([&] { settings.integer(key); });
      guarded([&] { settings.number(key); });
      guarded([&] { settings.text(key); });
      guarded([&] { settings.flag(key); });
      guarded([&] { settings.texts(key); });
      guarded([&] { settings.must_be(key, 8); });
      guarded([&] { settings.heads(key, 768); });
      guarded([&] { settings.epsilon(key); });
    }
  });
  return 0;
}
