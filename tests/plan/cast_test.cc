#include "plan/cast.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "transload/error.h"

namespace transload {
namespace {

template <class To, class From>
To one(DType from, DType to, From value, std::uint64_t* overflows = nullptr) {
  To result{};
  const std::uint64_t count =
      cast(from, to, std::as_bytes(std::span(&value, 1)), std::as_writable_bytes(std::span(&result, 1)));
  if (overflows != nullptr) *overflows = count;
  return result;
}

std::uint16_t half(double value) { return one<std::uint16_t>(DType::f64, DType::f16, value); }
std::uint16_t brain(double value) { return one<std::uint16_t>(DType::f64, DType::bf16, value); }

TEST(Cast, HalfRoundsToNearestEven) {  // values from IEEE 754-2019, table 3.5 and the definition of the rounding
  EXPECT_EQ(half(1.0), 0x3C00);
  EXPECT_EQ(half(-2.0), 0xC000);
  EXPECT_EQ(half(65504.0), 0x7BFF);             // the largest
  EXPECT_EQ(half(65519.999), 0x7BFF);           // still nearer to it than to 2^16
  EXPECT_EQ(half(65520.0), 0x7C00);             // a tie, to even: infinity
  EXPECT_EQ(half(std::ldexp(1, -24)), 0x0001);  // the smallest subnormal
  EXPECT_EQ(half(std::ldexp(1, -25)), 0x0000);  // a tie, to even: zero
  EXPECT_EQ(half(std::ldexp(1.0001, -25)), 0x0001);
  EXPECT_EQ(half(std::ldexp(1, -14)), 0x0400);                       // the smallest normal
  EXPECT_EQ(half(std::ldexp(1, -14) - std::ldexp(1, -25)), 0x0400);  // rounds up out of the subnormals
  EXPECT_EQ(half(1 + std::ldexp(1, -11)), 0x3C00);                   // ties
  EXPECT_EQ(half(1 + 3 * std::ldexp(1, -11)), 0x3C02);
  EXPECT_EQ(half(-0.0), 0x8000);
}

TEST(Cast, BrainRoundsToNearestEven) {
  EXPECT_EQ(brain(1.0), 0x3F80);
  EXPECT_EQ(brain(1 + std::ldexp(1, -8)), 0x3F80);
  EXPECT_EQ(brain(1 + 3 * std::ldexp(1, -8)), 0x3F82);
  EXPECT_EQ(brain(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(brain(std::ldexp(1, -133)), 0x0001);
}

TEST(Cast, OneRoundingNotTwo) {
  // Just above a tie of float16, and on that tie once rounded to float32: two roundings would give 0x3C00.
  const double value = 1 + std::ldexp(1, -11) + std::ldexp(1, -40);
  EXPECT_EQ(half(value), 0x3C01);
}

TEST(Cast, EverySmallValueSurvivesTheWayThroughFloat) {
  for (const DType small : {DType::f16, DType::bf16}) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      const auto value = static_cast<std::uint16_t>(bits);
      const auto wide = one<float>(small, DType::f32, value);
      if (std::isnan(wide)) continue;
      ASSERT_EQ(one<std::uint16_t>(DType::f32, small, wide), value) << bits;
    }
  }
}

TEST(Cast, BrainIsTheUpperHalfOfAFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto wide = one<float>(DType::bf16, DType::f32, static_cast<std::uint16_t>(bits));
    if (std::isnan(wide)) continue;
    ASSERT_EQ(std::bit_cast<std::uint32_t>(wide), bits << 16);
  }
}

TEST(Cast, NansStayNansAndInfinitiesInfinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(half(nan) & 0x7C00, 0x7C00);
  EXPECT_NE(half(nan) & 0x03FF, 0);
  std::uint64_t overflows = 1;
  EXPECT_EQ(one<std::uint16_t>(DType::f64, DType::f16, -std::numeric_limits<double>::infinity(), &overflows), 0xFC00);
  EXPECT_EQ(overflows, 0u);
}

TEST(Cast, CountsFiniteValuesThatBecameInfinite) {
  const std::vector<float> values{1e5f, -1e5f, 1.f, std::numeric_limits<float>::infinity()};
  std::vector<std::uint16_t> result(values.size());
  EXPECT_EQ(cast(DType::f32, DType::f16, std::as_bytes(std::span(values)), std::as_writable_bytes(std::span(result))),
            2u);
}

TEST(Cast, RefusesOtherDtypes) {
  std::vector<std::byte> bytes(4);
  EXPECT_THROW(cast(DType::i32, DType::f32, bytes, bytes), Error);
}

}  // namespace
}  // namespace transload
