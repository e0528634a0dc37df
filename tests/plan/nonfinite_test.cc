#include "plan/nonfinite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "plan/cast.h"
#include "support/memory_reader.h"

namespace transload {
namespace {

using testing::MemoryCheckpoint;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::byte> in_type(DType type, const std::vector<double>& values) {
  std::vector<std::byte> bytes(values.size() * element_bytes(type));
  cast(DType::f64, type, std::as_bytes(std::span(values)), bytes);
  return bytes;
}

TEST(Nonfinite, IsFoundAtEveryPlaceInEveryType) {
  for (const DType type : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    for (const std::size_t size : {1u, 3u, 7u, 2047u, 2048u, 4099u}) {
      // The largest finite values have all bits of the exponent but the last, or the fraction, set.
      std::vector<double> values(size, type == DType::f16 ? 65504.0 : 3.3e38);
      EXPECT_FALSE(any_nonfinite(type, in_type(type, values)));
      for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
        for (const double bad : {kNan, -kNan, kInfinity, -kInfinity}) {
          for (const double rest : {0.5, 3.0}) {
            std::vector<double> one(size, rest);
            one[at] = bad;
            EXPECT_TRUE(any_nonfinite(type, in_type(type, one))) << name(type) << ' ' << size << ' ' << at;
          }
        }
      }
    }
  }
}

TEST(Nonfinite, EveryHalfIsJudgedRightly) {
  for (const DType type : {DType::f16, DType::bf16}) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      const auto value = static_cast<std::uint16_t>(bits);
      double wide = 0;
      cast(type, DType::f64, std::as_bytes(std::span(&value, 1)), std::as_writable_bytes(std::span(&wide, 1)));
      const std::vector<std::uint16_t> four{0, value, 0, 0};
      ASSERT_EQ(any_nonfinite(type, std::as_bytes(std::span(four))), !std::isfinite(wide)) << bits;
    }
  }
}

TEST(Nonfinite, OtherTypesNeverAre) {
  const std::vector<std::uint64_t> ones(9, ~std::uint64_t{0});
  for (const DType type : {DType::i32, DType::u8, DType::i64, DType::boolean, DType::f8_e5m2, DType::c64}) {
    EXPECT_FALSE(any_nonfinite(type, std::as_bytes(std::span(ones))));
  }
}

TEST(Nonfinite, TheFirstIsNamedInTheOrderOfTheTensor) {
  std::vector<float> values(6, 1.f);
  values[2] = std::numeric_limits<float>::quiet_NaN();  // as stored [0, 2]; transposed [2, 0]
  values[3] = std::numeric_limits<float>::infinity();   // as stored [1, 0]; transposed [0, 1]
  MemoryCheckpoint made;
  made.add("m", DType::f32, {2, 3}, values).add_view("t", DType::f32, {3, 2}, {1, 3});
  made.add("fine", DType::f32, {2}, std::vector<float>{1, 2})
      .add("scalar", DType::f64, {}, std::vector<double>{-kInfinity});
  const auto reader = made.reader();
  const auto first = [&](std::string_view name) { return first_nonfinite(*reader, *reader->index().find(name)); };
  EXPECT_EQ(to_text(first("m").value()), "nan at [0, 2]");
  EXPECT_EQ(to_text(first("t").value()), "inf at [0, 1]");
  EXPECT_EQ(to_text(first("scalar").value()), "-inf");
  EXPECT_FALSE(first("fine"));
}

TEST(Nonfinite, IsFoundBehindTheFirstBlockOfALargeTensor) {
  std::vector<float> values(std::size_t{3} << 20, 0.25f);
  values[(std::size_t{2} << 20) + 5] = std::numeric_limits<float>::infinity();
  MemoryCheckpoint made;
  made.add("m", DType::f32, {3, 1 << 20}, values);
  const auto reader = made.reader();
  EXPECT_EQ(to_text(first_nonfinite(*reader, *reader->index().find("m")).value()), "inf at [2, 5]");
}

TEST(Nonfinite, OverflowCountsFiniteValuesOnly) {
  MemoryCheckpoint made;
  made.add("m", DType::f32, {2, 3},
           std::vector<float>{1, std::numeric_limits<float>::infinity(), 65519, -65520, 1e9f, 0});
  const auto reader = made.reader();
  const TensorInfo& tensor = *reader->index().find("m");
  const Overflow half = overflow_of(*reader, tensor, DType::f16);
  EXPECT_EQ(half.count, 2u);
  EXPECT_EQ(to_text(half, DType::f16),
            "-65520 at [1, 0] is too large for float16 and becomes infinite, as does 1 more value");
  EXPECT_EQ(overflow_of(*reader, tensor, DType::bf16).count, 0u);
}

}  // namespace
}  // namespace transload
