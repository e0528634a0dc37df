#include "formats/tensor_bundle/slice.h"

#include <gtest/gtest.h>

#include "support/stopwatch.h"
#include "transload/error.h"

namespace transload::tensor_bundle {
namespace {

using std::string_literals::operator""s;

TEST(Slice, KeysAreOrderedCode) {
  // Measured in TensorFlow's own files: numbers from 0 to 63 are one byte, 100 is c0 64, 10174 is e0 27 be, and the
  // whole extent, -1, is 7f.
  EXPECT_EQ(slice_key("a\0\xff"s, {{0, 63}, {100, 10174}, {0, -1}}),
            "\0a\0\xff\xff\0\0\1\1\3\x80\xbf\xc0\x64\xe0\x27\xbe\x80\x7f"s);
  EXPECT_EQ(slice_key("s", {}), "\0s\0\1\0"s);
  // From the lengths of ordered_code.cc: two bytes up to 2^13, nine up to 2^62, ten for the rest.
  EXPECT_EQ(slice_key("", {{64, 8191}, {8192, std::int64_t{1} << 62}}),
            "\0\0\1\1\2\xc0\x40\xdf\xff\xe0\x20\0\xff\xc0\x40\0\0\0\0\0\0\0"s);
}

std::vector<Chunk> boxes(const std::vector<Slice>& slices, const Shape& shape) {
  std::vector<Chunk> out;
  for (const Slice& slice : slices) out.push_back(slice_box(slice, shape));
  return out;
}

TEST(Slice, BoxesMustLieInside) {
  EXPECT_EQ(slice_box({{1, 2}, {0, -1}}, {3, 4}).extent, (Shape{2, 4}));
  EXPECT_THROW(slice_box({{1, 3}, {0, -1}}, {3, 4}), Error);
  EXPECT_THROW(slice_box({{4, 0}, {0, -1}}, {3, 4}), Error);
  EXPECT_THROW(slice_box({{0, -1}}, {3, 4}), Error);
  EXPECT_THROW(slice_box({{1, -1}, {0, -1}}, {3, 4}), Error);
}

TEST(Slice, BoxesMustCoverOnce) {
  const Shape shape{4, 6};
  EXPECT_NO_THROW(check_cover(boxes({{{0, -1}, {2, 4}}, {{0, 3}, {0, 2}}, {{3, 1}, {0, 2}}}, shape), shape));
  EXPECT_THROW(check_cover(boxes({{{0, -1}, {2, 4}}, {{0, 3}, {0, 2}}}, shape), shape), Error);   // hole
  EXPECT_THROW(check_cover(boxes({{{0, 2}, {0, -1}}, {{1, 2}, {0, -1}}}, shape), shape), Error);  // overlap and hole
  EXPECT_THROW(check_cover(boxes({{{0, -1}, {0, -1}}, {{0, 1}, {0, 1}}}, shape), shape), Error);  // too many
  EXPECT_NO_THROW(check_cover(boxes({{}}, {}), {}));
  EXPECT_THROW(check_cover(boxes({{}, {}}, {}), {}), Error);
  EXPECT_NO_THROW(check_cover(boxes({{{0, -1}, {0, 0}}}, {0, 6}), {0, 6}));
}

// A grid of 300 x 300 boxes is checked at once; comparing all pairs would be four thousand million comparisons.
TEST(Slice, ManyBoxesAreNotComparedInPairs) {
  const Shape shape{300, 300};
  std::vector<Slice> slices;
  for (std::int64_t i = 0; i < 300; ++i) {
    for (std::int64_t j = 0; j < 300; ++j) slices.push_back({{j, 1}, {i, 1}});
  }
  EXPECT_NO_THROW(check_cover(boxes(slices, shape), shape));
  slices[7] = slices[8];
  EXPECT_THROW(check_cover(boxes(slices, shape), shape), Error);
}

// Every axis is cut in two: no single one tells the boxes apart.
TEST(Slice, BoxesOfManyAxesAreNotComparedInPairs) {
  constexpr std::size_t kRank = 15;
  const Shape shape(kRank, 2);
  std::vector<Slice> slices(std::size_t{1} << kRank, Slice(kRank, {0, 1}));
  for (std::size_t i = 0; i < slices.size(); ++i) {
    for (std::size_t axis = 0; axis < kRank; ++axis) slices[i][axis].start = (i >> axis) & 1;
  }
  const test::Stopwatch watch;
  EXPECT_NO_THROW(check_cover(boxes(slices, shape), shape));
  slices.front() = slices.back();
  EXPECT_THROW(check_cover(boxes(slices, shape), shape), Error);
  EXPECT_LT(watch.seconds(), 5);
}

// A row off the top, a column off the left, and so on: each cut parts one box from the rest.
TEST(Slice, APatternThatIsPeeledBoxByBoxIsRefused) {
  const auto peeled = [](std::int64_t side) {
    const Shape shape{side, side};
    std::vector<Slice> slices;
    for (std::int64_t i = 0; i + 1 < side; ++i) {
      slices.push_back({{i, 1}, {i, side - i}});
      slices.push_back({{i + 1, side - i - 1}, {i, 1}});
    }
    slices.push_back({{side - 1, 1}, {side - 1, 1}});
    check_cover(boxes(slices, shape), shape);
  };
  EXPECT_NO_THROW(peeled(20));
  const test::Stopwatch watch;
  EXPECT_THROW(peeled(20000), Error);
  EXPECT_LT(watch.seconds(), 2);
}

TEST(Slice, BoxesThatNoCutParts) {
  // A pinwheel around the middle.
  const Shape shape{3, 3};
  std::vector<Slice> slices{{{0, 1}, {0, 2}}, {{0, 2}, {2, 1}}, {{2, 1}, {1, 2}}, {{1, 2}, {0, 1}}, {{1, 1}, {1, 1}}};
  EXPECT_NO_THROW(check_cover(boxes(slices, shape), shape));
  slices.back() = {{0, 1}, {0, 1}};
  EXPECT_THROW(check_cover(boxes(slices, shape), shape), Error);
}

}  // namespace
}  // namespace transload::tensor_bundle
