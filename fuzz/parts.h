// One input as several: parts with a byte 0xFF, which no text holds, between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace transload::fuzz {

// At least one part; the last has the rest where there are more than `most`.
inline std::vector<std::string_view> parts_of(const std::uint8_t* data, std::size_t size, std::size_t most) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < most && rest.find('\xFF') != rest.npos) {
    parts.push_back(rest.substr(0, rest.find('\xFF')));
    rest.remove_prefix(parts.back().size() + 1);
  }
  parts.push_back(rest);
  return parts;
}

}  // namespace transload::fuzz
