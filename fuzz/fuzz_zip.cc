// Zip containers: every entry that is found can be read, or is refused.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "transload/error.h"
#include "wire/zip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    const auto source = transload::memory_source("fuzz.zip", transload::Bytes(std::vector(bytes, bytes + size)));
    for (const auto& entry : transload::wire::read_zip(*source)) {
      try {
        transload::wire::read_zip_entry(*source, entry, 1 << 24);
      } catch (const transload::Error&) {
      }
    }
  } catch (const transload::Error&) {
  }
  return 0;
}
