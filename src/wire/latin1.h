// Bytes that a pickle of protocol 2 holds as text: each as the character of its number, in UTF-8 (one or two bytes).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transload/bytes.h"

namespace transload::wire {

// How many bytes the text stands for; nothing where it is not of characters below 256.
std::optional<std::uint64_t> latin1_size(std::string_view utf8) noexcept;

// `stored`, which begins at byte `offset` of `file` (for messages), decoded to exactly `size` bytes; otherwise
// Errc::corrupt.
Bytes decode_latin1(ByteView stored, std::uint64_t size, const std::string& file, std::uint64_t offset);

}  // namespace transload::wire
