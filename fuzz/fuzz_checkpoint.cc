// The text file `checkpoint` from any bytes: an Error, or a path that names a file; and what is written is read alike.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "formats/tensor_bundle/checkpoint_file.h"
#include "transload/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string prefix = tensor_bundle::checkpoint_prefix(text, "checkpoint");
    if (prefix.empty() || prefix == ".." || prefix.starts_with("../")) std::abort();
    const std::string again = tensor_bundle::checkpoint_text(prefix);
    if (tensor_bundle::checkpoint_prefix(again, "checkpoint") != prefix) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
