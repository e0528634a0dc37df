#include "wire/crc.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace transload::wire {
namespace {

constexpr std::uint32_t kCrc32 = 0xEDB88320U;  // both polynomials bit-reversed, without their x^32
constexpr std::uint32_t kCrc32c = 0x82F63B78U;

// The product of two polynomials over GF(2) modulo `polynomial`. Bit 31 is the coefficient of x^0, bit 0 that of x^31.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b, std::uint32_t polynomial) noexcept {
  std::uint32_t product = 0;
  for (std::uint32_t bit = 0x80000000U; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b >> 1) ^ ((b & 1) ? polynomial : 0);
  }
  return product;
}

// Appending n zero bytes multiplies the register by x^(8n): computed by squaring. The inversions at the start and the
// end of both values cancel out, so what is left is crc_a * x^(8n) + crc_b.
constexpr std::uint32_t combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t size_b,
                                std::uint32_t polynomial) noexcept {
  std::uint32_t square = 0x00800000U;  // x^8
  for (; size_b != 0; size_b >>= 1) {
    if (size_b & 1) crc_a = multiply(square, crc_a, polynomial);
    square = multiply(square, square, polynomial);
  }
  return crc_a ^ crc_b;
}

}  // namespace

std::uint32_t crc32(std::uint32_t seed, ByteView data) noexcept {
  return crc32_gzip_refl(seed, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

std::uint32_t crc32c(std::uint32_t seed, ByteView data) noexcept {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // isa-l counts these bytes in an int
  std::uint32_t state = ~seed;                         // ... and takes and gives the register without inversion
  while (!data.empty()) {
    const ByteView part = data.first(std::min(data.size(), kMost));
    // isa-l's parameter lacks a const; nothing is written.
    auto* bytes = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(part.data()));
    state = crc32_iscsi(bytes, static_cast<int>(part.size()), state);
    data = data.subspan(part.size());
  }
  return ~state;
}

std::uint32_t crc32_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t size_b) noexcept {
  return combine(crc_a, crc_b, size_b, kCrc32);
}

std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t size_b) noexcept {
  return combine(crc_a, crc_b, size_b, kCrc32c);
}

}  // namespace transload::wire
