#include "plan/cast.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "transload/error.h"

namespace transload {
namespace {

// An IEEE binary format of 16 bits, by the widths of its fields.
template <unsigned kExponent, unsigned kFraction>
struct Small {
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

template <class T>
struct Native {
  using Bits = T;
  static double widen(T value) { return value; }
  static T narrow(double value) { return static_cast<T>(value); }
};

using Half = Small<5, 10>;
using Brain = Small<8, 7>;
using Single = Native<float>;
using Double = Native<double>;

template <class To>
bool infinite(typename To::Bits bits) {
  if constexpr (std::is_integral_v<typename To::Bits>) {
    return (bits & 0x7FFFu) == To::kInfinity;
  } else {
    return __builtin_isinf(bits) != 0;
  }
}

template <class From, class To>
std::uint64_t convert(ByteView in, MutableByteView out) {
  std::uint64_t overflows = 0;
  const std::size_t count = in.size() / sizeof(typename From::Bits);
  for (std::size_t i = 0; i < count; ++i) {
    typename From::Bits source;
    std::memcpy(&source, in.data() + i * sizeof(source), sizeof(source));
    const double wide = From::widen(source);
    const typename To::Bits target = To::narrow(wide);
    overflows += infinite<To>(target) && !__builtin_isinf(wide) ? 1 : 0;
    std::memcpy(out.data() + i * sizeof(target), &target, sizeof(target));
  }
  return overflows;
}

template <class From>
std::uint64_t convert_from(DType to, ByteView in, MutableByteView out) {
  switch (to) {
    case DType::f16: return convert<From, Half>(in, out);
    case DType::bf16: return convert<From, Brain>(in, out);
    case DType::f32: return convert<From, Single>(in, out);
    default: return convert<From, Double>(in, out);
  }
}

}  // namespace

std::uint64_t cast(DType from, DType to, ByteView in, MutableByteView out) {
  if (!is_float(from) || !is_float(to)) {
    throw Error(Errc::usage, fmt::format("{} cannot be converted to {}", name(from), name(to)));
  }
  if (in.size() / element_bytes(from) != out.size() / element_bytes(to)) {
    throw Error(Errc::usage, "a cast needs as many elements in its target as in its source");
  }
  if (from == to) {
    std::memcpy(out.data(), in.data(), in.size());
    return 0;
  }
  switch (from) {
    case DType::f16: return convert_from<Half>(to, in, out);
    case DType::bf16: return convert_from<Brain>(to, in, out);
    case DType::f32: return convert_from<Single>(to, in, out);
    default: return convert_from<Double>(to, in, out);
  }
}

}  // namespace transload
