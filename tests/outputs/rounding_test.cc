// Rounding doubles in place is what casting them to the narrow type and back is.

#include "outputs/rounding.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "plan/cast.h"

namespace transload::outputs {
namespace {

// Every kind of exponent, with fractions that lie on, just below and just above ties; and what is no number.
std::vector<double> telling_values() {
  std::vector<double> values{0.0,
                             -0.0,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             65504.0,
                             65519.999,
                             65520.0,
                             -65520.0,
                             0x1p-25,
                             0x1.0000001p-25,
                             0x1p-24,
                             0x1.8p-24,
                             0x1.FFFp-15,
                             0x1p-149,
                             0x1p-150,
                             0x1p-1074,
                             0x1.FFFFFEp127,
                             0x1.FFFFFFp127,
                             0x1.FEp127,
                             0x1.FFp127,
                             1e300};
  std::uint64_t state = 7;
  for (int exponent = -160; exponent <= 130; ++exponent) {
    for (int i = 0; i < 200; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      std::uint64_t fraction = state >> 12;
      if (i % 3 == 0) fraction &= ~std::uint64_t{0} << (25 + i % 24);                     // on a tie, or exact
      if (i % 3 == 1) fraction = (fraction & (~std::uint64_t{0} << (25 + i % 24))) ^ 1u;  // beside one
      const double value = std::ldexp(std::bit_cast<double>((std::uint64_t{1023} << 52) | fraction), exponent);
      values.push_back(i % 2 == 0 ? value : -value);
    }
  }
  return values;
}

TEST(Rounding, EqualsACastThereAndBack) {
  for (const DType to : {DType::f16, DType::bf16, DType::f32}) {
    const std::vector<double> values = telling_values();
    std::vector<std::byte> narrow(values.size() * element_bytes(to));
    std::vector<double> expected(values.size());
    cast(DType::f64, to, std::as_bytes(std::span(values)), narrow);
    cast(to, DType::f64, narrow, std::as_writable_bytes(std::span(expected)));
    forward::Tensor tensor{"", DType::f64, 1, static_cast<std::int64_t>(values.size()), values};
    const forward::Tensor like{"", to, 1, 1, {0.0}};
    EXPECT_EQ(round_like(tensor, like), to);
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(tensor.values[i]), std::bit_cast<std::uint64_t>(expected[i]))
          << values[i] << " to " << name(to) << ": " << tensor.values[i] << ", not " << expected[i];
    }
  }
}

TEST(Rounding, LeavesNotANumberAlone) {
  forward::Tensor tensor{"", DType::f32, 1, 1, {std::numeric_limits<double>::quiet_NaN()}};
  round_like(tensor, {"", DType::f16, 1, 1, {0.0}});
  EXPECT_TRUE(std::isnan(tensor.values[0]));
}

TEST(Rounding, HappensOnlyWhereBitsAreLost) {
  const auto lost = [](DType from, DType to) { return loses(from, to); };
  EXPECT_TRUE(lost(DType::f32, DType::f16));
  EXPECT_TRUE(lost(DType::f16, DType::bf16));
  EXPECT_TRUE(lost(DType::bf16, DType::f16));
  EXPECT_TRUE(lost(DType::f64, DType::f32));
  EXPECT_FALSE(lost(DType::f16, DType::f32));
  EXPECT_FALSE(lost(DType::bf16, DType::f32));
  EXPECT_FALSE(lost(DType::f32, DType::f64));
  EXPECT_FALSE(lost(DType::f32, DType::f32));
}

}  // namespace
}  // namespace transload::outputs
