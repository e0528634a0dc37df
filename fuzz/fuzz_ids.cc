// Token ids from a text or, where the input begins like one, from an .npy: an Error, or a batch of that many ids.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "scratch.h"
#include "token_ids.h"
#include "transload/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const transload::fuzz::Scratch scratch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto path = scratch.write(text.starts_with("\x93NUMPY") ? "ids.npy" : "ids.txt", text);
  try {
    const transload::TokenBatch batch = transload::cli::read_ids(path.string());
    const auto ids = static_cast<std::size_t>(batch.sequences * batch.length);
    if (batch.ids.size() != ids) std::abort();
  } catch (const transload::Error&) {
  }
  return 0;
}
