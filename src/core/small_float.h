// Floating-point numbers of 16 bits, as the doubles that hold them exactly.
#pragma once

#include <bit>
#include <cstdint>

namespace transload {

// An IEEE binary format of 16 bits, by the widths of its fields. narrow() rounds to nearest, ties to even; a NaN stays
// one, quiet, with the upper bits of its payload.
template <unsigned kExponent, unsigned kFraction>
struct SmallFloat {
  using Bits = std::uint16_t;
  static constexpr int kBias = (1 << (kExponent - 1)) - 1;
  static constexpr std::uint64_t kInfinity = ((std::uint64_t{1} << kExponent) - 1) << kFraction;

  static double widen(Bits bits) {
    const std::uint64_t sign = std::uint64_t{bits} >> 15 << 63;
    const std::uint64_t exponent = (bits & 0x7FFFu) >> kFraction;
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << kFraction) - 1);
    if (exponent == (std::uint64_t{1} << kExponent) - 1) {
      const std::uint64_t quiet = fraction == 0 ? 0 : std::uint64_t{1} << 51;
      return std::bit_cast<double>(sign | (std::uint64_t{0x7FF} << 52) | quiet | (fraction << (52 - kFraction)));
    }
    if (exponent == 0) {  // subnormal: fraction * 2^(1 - bias - kFraction), exact in a double
      const double scale = std::bit_cast<double>(static_cast<std::uint64_t>(1023 + 1 - kBias - int{kFraction}) << 52);
      const double value = static_cast<double>(fraction) * scale;
      return sign != 0 ? -value : value;
    }
    const std::uint64_t wide = exponent + static_cast<std::uint64_t>(1023 - kBias);
    return std::bit_cast<double>(sign | (wide << 52) | (fraction << (52 - kFraction)));
  }

  static Bits narrow(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t sign = bits >> 63 << 15;
    const auto exponent = static_cast<int>(bits >> 52 & 0x7FF);
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
    if (exponent == 0x7FF) {
      const std::uint64_t quiet = std::uint64_t{1} << (kFraction - 1);
      return static_cast<Bits>(sign | kInfinity | (fraction == 0 ? 0 : quiet | fraction >> (52 - kFraction)));
    }
    const int scaled = exponent - 1023 + kBias;                                 // the exponent field it would have
    if (scaled < -static_cast<int>(kFraction)) return static_cast<Bits>(sign);  // below half of the smallest
    const std::uint64_t significand = fraction | (std::uint64_t{1} << 52);
    const unsigned shift = 52 - kFraction + (scaled > 0 ? 0u : static_cast<unsigned>(1 - scaled));
    const std::uint64_t kept = significand >> shift;
    const std::uint64_t rest = significand & ((std::uint64_t{1} << shift) - 1);
    const std::uint64_t half = std::uint64_t{1} << (shift - 1);
    const std::uint64_t rounded = kept + (rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0);
    // The leading one of a normal number adds 1 to the exponent field, and so does a carry out of the fraction.
    const std::uint64_t field = scaled > 0 ? (static_cast<std::uint64_t>(scaled) - 1) << kFraction : 0;
    const std::uint64_t magnitude = field + rounded;
    return static_cast<Bits>(sign | (magnitude < kInfinity ? magnitude : kInfinity));
  }
};

using Float16 = SmallFloat<5, 10>;
using BFloat16 = SmallFloat<8, 7>;

}  // namespace transload
