#include "mapping/layout.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "mapping/dims.h"
#include "mapping/names.h"

namespace transload::mapping {
namespace {

TEST(Layout, ReadsAxesAndFactors) {
  EXPECT_EQ(parse_layout("o i"), (Layout{{'o'}, {'i'}}));
  EXPECT_EQ(parse_layout("(a n d) i"), (Layout{{'a', 'n', 'd'}, {'i'}}));
}

TEST(Layout, RefusesWhatIsNone) {
  for (const char* text : {"", "o o", "(a b", "a)", "()", "(a (b))", "O I", "o-i"}) {
    EXPECT_THROW(parse_layout(text), std::invalid_argument) << text;
  }
}

TEST(CopyAxes, APlainCopyIsOneBlock) {
  const Placement whole{{{'o', {{3, 5}}}, {'i', {{5, 1}}}}, 0};
  EXPECT_EQ(copy_axes(whole, whole), (std::vector<Axis>{{15, 1, 1}}));
}

TEST(CopyAxes, ATransposeIsTwoAxesInTheTargetsOrder) {
  const Placement from{{{'o', {{3, 5}}}, {'i', {{5, 1}}}}, 0}, to{{{'o', {{3, 1}}}, {'i', {{5, 3}}}}, 0};
  EXPECT_EQ(copy_axes(from, to), (std::vector<Axis>{{5, 1, 3}, {3, 5, 1}}));
}

TEST(CopyAxes, OneRowOrOneColumnIsNoTranspose) {
  const Placement from{{{'o', {{1, 5}}}, {'i', {{5, 1}}}}, 0}, to{{{'o', {{1, 1}}}, {'i', {{5, 1}}}}, 0};
  EXPECT_EQ(copy_axes(from, to), (std::vector<Axis>{{5, 1, 1}}));
}

TEST(CopyAxes, ASingleElementHasNoAxes) {
  const Placement one{{{'c', {{1, 1}}}}, 0};
  EXPECT_TRUE(copy_axes(one, one).empty());
}

TEST(CopyAxes, FindsTheCommonRefinementOfTwoCuts) {
  // 12 rows as (2 6) on one side, with gaps, and as (4 3) on the other: 2, 2, 3.
  const Placement from{{{'o', {{2, 100}, {6, 1}}}}, 0}, to{{{'o', {{4, 10}, {3, 1}}}}, 0};
  EXPECT_EQ(copy_axes(from, to), (std::vector<Axis>{{2, 100, 20}, {2, 3, 10}, {3, 1, 1}}));
  const Placement odd{{{'o', {{3, 100}, {4, 1}}}}, 0}, other{{{'o', {{2, 10}, {6, 1}}}}, 0};
  EXPECT_THROW(copy_axes(odd, other), std::invalid_argument);  // 4 and 6
}

TEST(Size, ReadsExpressions) {
  EXPECT_EQ(parse_size("H"), (Size{1, 'H', 0, 0}));
  EXPECT_EQ(parse_size("2P-1"), (Size{2, 'P', 0, -1}));
  EXPECT_EQ(parse_size("H/A"), (Size{1, 'H', 'A', 0}));
  EXPECT_EQ(parse_size("P+2"), (Size{1, 'P', 0, 2}));
  EXPECT_EQ(parse_size("3"), (Size{0, 0, 0, 3}));
  for (const char* text : {"", "h", "H/", "H/H", "H+", "0", "-1", "HH", "0H", "H 1", "9999999"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Dims, SolvesForTheOneUnknownLetter) {
  Dims dims;
  EXPECT_TRUE(dims.solve(*parse_size("2P-1"), 23, "a"));
  EXPECT_EQ(dims.at('P')->value, 12);
  EXPECT_FALSE(dims.solve(*parse_size("2T-1"), 22, "a"));  // no integer
  EXPECT_FALSE(dims.solve(*parse_size("H/A"), 4, "a"));    // two unknowns
  dims.set('H', 32, "b");
  EXPECT_TRUE(dims.solve(*parse_size("H/A"), 8, "a"));
  EXPECT_EQ(dims.at('A')->value, 4);
  EXPECT_EQ(dims.evaluate(*parse_size("H/A")), 8);
}

TEST(Dims, NothingOverflows) {
  Dims dims;
  dims.set('H', INT64_MAX, "a");
  EXPECT_FALSE(dims.evaluate(*parse_size("2H")));
  EXPECT_FALSE(dims.evaluate(*parse_size("H+1")));
  EXPECT_FALSE(dims.solve(*parse_size("P-999999"), INT64_MAX, "a"));
}

TEST(Names, FindTheLayersNumber) {
  NameTable names;
  EXPECT_TRUE(names.add("encoder.layer.{}.bias", 7));
  EXPECT_TRUE(names.add("ffn_1.bias", 8));
  EXPECT_FALSE(names.add("ffn_1.bias", 9));
  EXPECT_EQ(names.find("encoder.layer.11.bias")->number, 11);
  EXPECT_EQ(names.find("encoder.layer.11.bias")->id, 7u);
  EXPECT_EQ(names.find("ffn_1.bias")->number, -1);
  for (const char* name : {"encoder.layer.01.bias", "encoder.layer.-1.bias", "encoder.layer.{}.bias",
                           "encoder.layer..bias", "encoder.layer.1234567890.bias", "encoder.layer.1.1.bias", ""}) {
    EXPECT_FALSE(names.find(name)) << name;
  }
}

}  // namespace
}  // namespace transload::mapping
