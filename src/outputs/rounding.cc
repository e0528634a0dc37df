#include "outputs/rounding.h"

#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include "forward/parallel.h"

namespace transload::outputs {
namespace {

// A binary floating-point format: bits of the significand with the implied one, exponent of the least normal number.
struct Narrow {
  int significand, least_exponent;
};
constexpr Narrow kF16{11, -14};
constexpr Narrow kBf16{8, -126};
constexpr Narrow kF32{24, -126};

// To the nearest, ties to even, as cast() does; but a double stays a double, and no branch depends on its value, which
// makes it many times as fast. Values below the least normal number are rounded to its last bit by an addition that
// pushes everything smaller out of the double.
template <Narrow kTo>
double rounded(double x) noexcept {
  constexpr int kDropped = 53 - kTo.significand;
  constexpr std::uint64_t kBelow = (std::uint64_t{1} << kDropped) - 1;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const double normal = std::bit_cast<double>((bits + (kBelow >> 1) + ((bits >> kDropped) & 1)) & ~kBelow);
  constexpr double kLargest = std::bit_cast<double>((std::uint64_t(1023 + 1 - kTo.least_exponent) << 52) |
                                                    (((std::uint64_t{1} << 52) - 1) & ~kBelow));
  constexpr double kLeast = std::bit_cast<double>(std::uint64_t(1023 + kTo.least_exponent) << 52);
  constexpr double kPush =
      1.5 * std::bit_cast<double>(std::uint64_t(1023 + 52 + kTo.least_exponent - (kTo.significand - 1)) << 52);
  const double small = std::copysign((x + kPush) - kPush, x);
  const double size = std::abs(x);
  double result = size < kLeast ? small : normal;
  result = std::abs(result) > kLargest ? std::copysign(std::numeric_limits<double>::infinity(), x) : result;
  return size < std::numeric_limits<double>::infinity() ? result : x;
}

template <Narrow kTo>
void round_all(std::span<double> values) {
  constexpr std::int64_t kBlock = 1 << 15;
  const auto blocks = static_cast<std::int64_t>((values.size() + kBlock - 1) / kBlock);
  forward::in_parallel(blocks, kBlock, [&](std::int64_t block, std::int64_t last) {
    const auto begin = static_cast<std::size_t>(block * kBlock);
    const auto end = std::min(values.size(), static_cast<std::size_t>(last * kBlock));
    for (std::size_t i = begin; i < end; ++i) values[i] = rounded<kTo>(values[i]);
  });
}

}  // namespace

bool loses(DType from, DType to) noexcept {
  if (from == to || !is_float(from) || !is_float(to) || to == DType::f64) return false;
  return to != DType::f32 || from == DType::f64;
}

std::optional<DType> round_like(forward::Tensor& first, const forward::Tensor& second) {
  if (first.empty() || second.empty() || !loses(first.stored, second.stored)) return std::nullopt;
  switch (second.stored) {
    case DType::f16: round_all<kF16>(first.values); break;
    case DType::bf16: round_all<kBf16>(first.values); break;
    default: round_all<kF32>(first.values); break;
  }
  first.stored = second.stored;
  return first.stored;
}

bool Rounding::see(const forward::Tensor* first, const forward::Tensor* second) {
  if (first == nullptr || second == nullptr || first->empty() || second->empty()) return false;
  if (loses(second->stored, first->stored)) second_stores_more = true;
  if (!loses(first->stored, second->stored)) return false;
  if (!to || loses(*to, second->stored)) to = second->stored;
  return true;
}

}  // namespace transload::outputs
