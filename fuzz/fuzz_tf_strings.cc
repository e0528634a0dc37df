// String tensors of a bundle. The first byte: how many elements (lowest seven bits) and the byte order; then the
// stored bytes. An Error, or as many bytes as were announced; the lengths' checksum is also made to match.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "transload/error.h"
#include "wire/crc.h"
#include "wire/cursor.h"
#include "wire/tf_strings.h"

namespace {

using namespace transload;

void read(ByteView stored, std::uint64_t elements, bool big) {
  try {
    const auto source = memory_source("x", Bytes(stored, nullptr));
    const std::uint64_t size = wire::tf_strings_size(*source, 0, stored.size(), elements);
    if (size > 8 * elements + stored.size()) std::abort();
    if (wire::decode_tf_strings(stored, size, std::nullopt, big, "x", 0).size() != size) std::abort();
    wire::decode_tf_strings(stored, size, wire::crc32c(0, stored), big, "x", 0);
  } catch (const Error&) {
  }
}

// The lengths as they count for the checksum.
void repair(std::vector<std::byte>& stored, std::uint64_t elements, bool big) {
  try {
    wire::Cursor cursor(Bytes(ByteView(stored), nullptr), "x");
    std::vector<std::byte> lengths;
    for (std::uint64_t i = 0; i < elements; ++i) {
      const std::uint64_t length = cursor.varint();
      const std::size_t width = length >> 32 == 0 ? 4 : 8;
      for (std::size_t b = 0; b < width; ++b) {
        lengths.push_back(static_cast<std::byte>(length >> (8 * (big ? width - 1 - b : b))));
      }
    }
    if (cursor.left() < 4) return;
    const std::uint32_t crc = wire::mask_crc32c(wire::crc32c(0, lengths));
    for (std::size_t b = 0; b < 4; ++b) {
      stored[cursor.position() + b] = static_cast<std::byte>(crc >> (8 * (big ? 3 - b : b)));
    }
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint64_t elements = data[0] & 0x7F;
  const bool big = data[0] >= 0x80;
  const ByteView stored = std::as_bytes(std::span(data + 1, size - 1));
  read(stored, elements, big);
  std::vector<std::byte> repaired(stored.begin(), stored.end());
  repair(repaired, elements, big);
  read(repaired, elements, big);
  return 0;
}
