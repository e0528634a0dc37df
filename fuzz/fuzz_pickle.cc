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
  }
  return 0;
}
