// Raw deflate. The first two bytes: how large the content is said to be; then the stream. An Error, or exactly that.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "transload/error.h"
#include "wire/inflate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  if (size < 2) return 0;
  const std::uint64_t claimed = data[0] | data[1] << 8;
  const ByteView stored = std::as_bytes(std::span(data + 2, size - 2));
  try {
    if (wire::inflate(stored, claimed, "x", 0).size() != claimed) std::abort();
  } catch (const Error&) {
  }
  try {
    if (wire::inflate_begin(stored, claimed, "x", 0).size() > claimed) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
