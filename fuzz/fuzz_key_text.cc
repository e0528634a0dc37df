// Every value of a pickle as the key of a state dict: an Error, or a text that is UTF-8 and not too long.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/text.h"
#include "formats/torch/globals.h"
#include "formats/torch/key_text.h"
#include "transload/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  constexpr std::size_t kMostKeys = 256;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    const auto pickle = wire::read_pickle(Bytes(std::vector(bytes, bytes + size)), {.file = "x"}, torch::is_allowed);
    std::size_t keys = 0;
    for (const wire::PickleRef ref : pickle->parts_first()) {
      if (++keys > kMostKeys) break;
      try {
        const std::string text = torch::key_text(*pickle, ref);
        if (!valid_utf8(text) || text.size() > 4096 + 1024) std::abort();
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
