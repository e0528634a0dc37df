// The two checksums of checkpoint files: CRC-32 (zip) and CRC-32C (TensorFlow tables and bundles).
#pragma once

#include <cstdint>

#include "transload/bytes.h"

namespace transload::wire {

// Finished values, as zlib and LevelDB define them: the register starts with all bits set and is inverted at the end.
// `seed` is the value of the bytes before `data`, 0 where there are none, so that calls chain:
// crc32(crc32(0, a), b) is the value of a followed by b.
std::uint32_t crc32(std::uint32_t seed, ByteView data) noexcept;   // polynomial 0xEDB88320 (RFC 1952)
std::uint32_t crc32c(std::uint32_t seed, ByteView data) noexcept;  // polynomial 0x82F63B78 (RFC 3720, appendix B.4)

// The value of a followed by b, from the values of both and the number of bytes in b. Takes a time that grows with
// the logarithm of `size_b`, so parts of one tensor can be summed by several threads.
std::uint32_t crc32_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t size_b) noexcept;
std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t size_b) noexcept;

// LevelDB and TensorFlow store a CRC-32C masked, because a checksum over bytes that hold their own checksum is weak
// (leveldb/util/crc32c.h: rotate right by 15 bits, add 0xa282ead8).
constexpr std::uint32_t mask_crc32c(std::uint32_t crc) noexcept { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }
constexpr std::uint32_t unmask_crc32c(std::uint32_t masked) noexcept {
  const std::uint32_t rotated = masked - 0xa282ead8U;
  return (rotated >> 17) | (rotated << 15);
}

}  // namespace transload::wire
