// The index of a sharded set from any bytes: an Error, or a map of tensors to plain file names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "formats/shard_index.h"
#include "formats/shard_name.h"
#include "transload/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto index = transload::parse_shard_index(text, "x");
    for (const auto& placed : index.weight_map) {
      const bool plain = !placed.shard.empty() && placed.shard != "." && placed.shard != ".." &&
                         placed.shard.find_first_of(std::string_view("/\\\0", 3)) == placed.shard.npos;
      if (!plain) std::abort();
      transload::parse_shard_name(placed.shard);
    }
    transload::shard_extension(index, "model.safetensors.index.json", "x");
  } catch (const transload::Error&) {
  }
  return 0;
}
