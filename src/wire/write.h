// Integers as files hold them, appended to a string: the counterpart of Cursor.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>

namespace transload::wire {

template <std::integral T>
void append_integer(std::string& out, T value) {  // little endian, as this machine is (cursor.h)
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}
inline void append_u32(std::string& out, std::uint32_t value) { append_integer(out, value); }
inline void append_u64(std::string& out, std::uint64_t value) { append_integer(out, value); }

// Base-128, least significant group first (protobuf, LevelDB).
inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

}  // namespace transload::wire
