#include "wire/latin1.h"

#include <vector>

#include "transload/error.h"

namespace transload::wire {

std::optional<std::uint64_t> latin1_size(std::string_view utf8) noexcept {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < utf8.size(); ++i, ++size) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) continue;
    // C2 and C3 lead the characters from 0x80 to 0xFF.
    if ((byte != 0xC2 && byte != 0xC3) || ++i == utf8.size()) return std::nullopt;
    if ((static_cast<unsigned char>(utf8[i]) & 0xC0) != 0x80) return std::nullopt;
  }
  return size;
}

Bytes decode_latin1(ByteView stored, std::uint64_t size, const std::string& file, std::uint64_t offset) {
  const std::string_view utf8 = as_text(stored);
  if (latin1_size(utf8) != size) {
    throw Error(Errc::corrupt, "text that does not stand for the bytes of an array",
                {.file = file, .offset = offset, .tensor = {}});
  }
  std::vector<std::byte> bytes;
  bytes.reserve(size);
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    unsigned byte = static_cast<unsigned char>(utf8[i]);
    if (byte >= 0x80) byte = (byte & 0x03) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3Fu);
    bytes.push_back(static_cast<std::byte>(byte));
  }
  return Bytes(std::move(bytes));
}

}  // namespace transload::wire
