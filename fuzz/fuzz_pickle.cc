// Pickles: values or an Error, in linear time.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "formats/torch/globals.h"
#include "transload/error.h"
#include "wire/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const transload::Bytes pickle(std::vector(bytes, bytes + size));
  for (const bool whole : {true, false}) {  // a window may begin a longer pickle; in it, unknown names are inert
    try {
      const auto values = transload::wire::read_pickle(
          pickle, {.file = "fuzz.pkl", .base = 0, .whole = whole, .opaque = !whole}, transload::torch::is_allowed);
      if (values && values->size() > size) std::abort();
    } catch (const transload::Error&) {
    }
    try {
      const auto values = transload::wire::read_pickle(
          pickle, {.file = "fuzz.pkl", .base = 0, .whole = whole, .opaque = true}, transload::torch::is_allowed);
      if (!values) continue;
      for (const auto ref : values->parts_first()) {
        const bool called_unknown =
            values->kind(ref) == transload::wire::PickleKind::call && values->inert(values->call(ref).callee);
        if (called_unknown && !values->inert(ref)) std::abort();
      }
    } catch (const transload::Error&) {
    }
  }
  return 0;
}
