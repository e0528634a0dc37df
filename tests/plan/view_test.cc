#include <gtest/gtest.h>

#include <numeric>

#include "support/memory_reader.h"
#include "transload/error.h"
#include "transload/plan.h"

namespace transload {
namespace {

using testing::MemoryCheckpoint;
using testing::values_of;

std::vector<float> counted(std::size_t count, float start = 0) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), start);
  return values;
}

Plan plan_for(const Reader& source, std::vector<Slot> slots) {
  Plan plan;
  plan.sources = {{"memory", "memory", digest(source.index())}};
  plan.slots = std::move(slots);
  return plan;
}

TEST(View, TransposesWhateverTheStrides) {
  MemoryCheckpoint made;
  made.add("c", DType::f32, {3, 2}, counted(6)).add_view("t", DType::f32, {2, 3}, {1, 2});
  const std::shared_ptr<Reader> source = made.reader();
  const std::vector<Axis> of_c{{2, 1, 3}, {3, 2, 1}}, of_t{{3, 1, 2}, {2, 3, 1}};
  const auto output = view(plan_for(*source, {{"from c", DType::f32, {2, 3}, {{Op::copy, 0, "c", of_c, 0, 0, {}}}},
                                              {"from t", DType::f32, {3, 2}, {{Op::copy, 0, "t", of_t, 0, 0, {}}}}}),
                           {source});
  EXPECT_EQ(values_of<float>(*output, "from c"), (std::vector<float>{0, 2, 4, 1, 3, 5}));
  EXPECT_EQ(values_of<float>(*output, "from t"), counted(6));
}

TEST(View, JoinsPiecesAndZeros) {
  MemoryCheckpoint made;
  made.add("a", DType::f32, {2, 2}, counted(4)).add("b", DType::f32, {1, 2}, counted(2, 10));
  const std::shared_ptr<Reader> source = made.reader();
  const Slot joined{"j",
                    DType::f32,
                    {4, 2},
                    {{Op::copy, 0, "a", {{4, 1, 1}}, 0, 0, {}},
                     {Op::zeros, 0, "", {{2, 0, 1}}, 0, 4, {}},
                     {Op::copy, 0, "b", {{2, 1, 1}}, 0, 6, {}}}};
  const auto output = view(plan_for(*source, {joined}), {source});
  EXPECT_EQ(values_of<float>(*output, "j"), (std::vector<float>{0, 1, 2, 3, 0, 0, 10, 11}));
}

TEST(View, GathersRows) {
  MemoryCheckpoint made;
  made.add("v", DType::f32, {4, 2}, counted(8));
  const std::shared_ptr<Reader> source = made.reader();
  const Slot slot{"v", DType::f32, {4, 2}, {{Op::copy, 0, "v", {{4, 2, 2}, {2, 1, 1}}, 0, 0, {2, 3, 0, 0}}}};
  const auto output = view(plan_for(*source, {slot}), {source});
  EXPECT_EQ(values_of<float>(*output, "v"), (std::vector<float>{4, 5, 6, 7, 0, 1, 0, 1}));
}

TEST(View, EveryRangeIsAPartOfTheWhole) {
  // A "(head which dim) in" interleave, transposed as well: six axes of work for one cut.
  MemoryCheckpoint made;
  made.add("m", DType::f32, {6, 5}, counted(30));
  const std::shared_ptr<Reader> source = made.reader();
  const std::vector<Axis> axes{{5, 1, 6}, {2, 5, 3}, {3, 10, 1}};
  const auto output =
      view(plan_for(*source, {{"m", DType::f32, {5, 6}, {{Op::copy, 0, "m", axes, 0, 0, {}}}}}), {source});
  const Bytes whole = output->view(0);
  for (std::uint64_t begin = 0; begin <= whole.size(); ++begin) {
    for (std::uint64_t end = begin; end <= whole.size(); ++end) {
      std::vector<std::byte> part(end - begin);
      output->read(0, begin, part);
      ASSERT_TRUE(std::ranges::equal(part, whole.slice(begin, end - begin).view())) << begin << ' ' << end;
    }
  }
}

TEST(View, ChunksMeetWithoutASeam) {
  MemoryCheckpoint made;
  made.add_storage(counted(4));
  made.add_storage(counted(8, 100));
  made.index().tensors.push_back({"w", DType::f32, {3, 4}, {{{0, 0}, {1, 4}, 0, 0, {}}, {{1, 0}, {2, 4}, 1, 0, {}}}});
  const std::shared_ptr<Reader> source = made.reader();
  EXPECT_EQ(values_of<float>(*source, "w"), (std::vector<float>{0, 1, 2, 3, 100, 101, 102, 103, 104, 105, 106, 107}));
  const Slot slot{"w", DType::f32, {4, 3}, {{Op::copy, 0, "w", {{4, 1, 3}, {3, 4, 1}}, 0, 0, {}}}};
  const auto output = view(plan_for(*source, {slot}), {source});
  EXPECT_EQ(values_of<float>(*output, "w"), (std::vector<float>{0, 100, 104, 1, 101, 105, 2, 102, 106, 3, 103, 107}));
}

TEST(View, CastsWhileItRearranges) {
  MemoryCheckpoint made;
  made.add("m", DType::f64, {2, 2}, std::vector<double>{1, 2, 3, 4});
  const std::shared_ptr<Reader> source = made.reader();
  Plan plan = plan_for(*source, {{"m", DType::f32, {2, 2}, {{Op::cast, 0, "m", {{2, 1, 2}, {2, 2, 1}}, 0, 0, {}}}}});
  EXPECT_EQ(values_of<float>(*view(plan, {source}), "m"), (std::vector<float>{1, 3, 2, 4}));
}

TEST(View, AnOverflowIsAnErrorUnlessItIsAllowed) {
  MemoryCheckpoint made;
  made.add("m", DType::f32, {1}, std::vector<float>{1e6f});
  const std::shared_ptr<Reader> source = made.reader();
  Plan plan = plan_for(*source, {{"m", DType::f16, {1}, {{Op::cast, 0, "m", {{1, 1, 1}}, 0, 0, {}}}}});
  EXPECT_THROW(view(plan, {source})->view(0), Error);
  plan.allow_overflow = true;
  EXPECT_EQ(values_of<std::uint16_t>(*view(plan, {source}), "m"), std::vector<std::uint16_t>{0x7C00});
}

TEST(View, PackedTensorsAreCopiedWholeOrNotAtAll) {
  MemoryCheckpoint made;
  made.add("p", DType::f4_e2m1fn, {2, 2}, std::vector<std::uint8_t>{0x12, 0x34});
  made.add("none", DType::f4_e2m1fn, {0}, std::vector<std::uint8_t>{});
  const std::shared_ptr<Reader> source = made.reader();
  const auto output = view(identity_plan(*source, "memory"), {source});
  EXPECT_EQ(std::to_integer<int>(output->view(0).data()[1]), 0x34);
  EXPECT_EQ(output->view(1).size(), 0u);
  const Slot turned{"p", DType::f4_e2m1fn, {2, 2}, {{Op::copy, 0, "p", {{2, 1, 2}, {2, 2, 1}}, 0, 0, {}}}};
  EXPECT_THROW(view(plan_for(*source, {turned}), {source}), Error);
}

// As many elements as the slot has, some of them twice and some not at all.
TEST(View, RefusesPiecesThatOverlap) {
  MemoryCheckpoint made;
  made.add("a", DType::f32, {4}, counted(4)).add("b", DType::f32, {4}, counted(4, 10));
  const std::shared_ptr<Reader> source = made.reader();
  const auto of = [&](std::vector<Piece> pieces) {
    return view(plan_for(*source, {{"s", DType::f32, {8}, std::move(pieces)}}), {source});
  };
  const Piece a{Op::copy, 0, "a", {{4, 1, 2}}, 0, 0, {}}, b{Op::copy, 0, "b", {{4, 1, 2}}, 0, 1, {}};
  EXPECT_EQ(values_of<float>(*of({a, b}), "s"), (std::vector<float>{0, 10, 1, 11, 2, 12, 3, 13}));
  const auto refused = [&](const Piece& first, const Piece& second) {
    try {
      of({first, second});
      return false;
    } catch (const Error& error) {
      return error.message() == "the plan writes an element twice";
    }
  };
  EXPECT_TRUE(refused(a, a));
  EXPECT_TRUE(refused({Op::copy, 0, "a", {{4, 1, 1}}, 0, 0, {}}, {Op::copy, 0, "b", {{4, 1, 1}}, 0, 3, {}}));
  EXPECT_TRUE(refused({Op::copy, 0, "a", {{4, 1, 0}}, 0, 0, {}}, {Op::zeros, 0, "", {{4, 0, 1}}, 0, 4, {}}));
  EXPECT_TRUE(refused({Op::copy, 0, "a", {{2, 2, 1}, {2, 1, 1}}, 0, 0, {}}, {Op::zeros, 0, "", {{4, 0, 1}}, 0, 4, {}}));
}

TEST(View, RefusesAPlanThatDoesNotFitItsSource) {
  MemoryCheckpoint made;
  made.add("a", DType::f32, {4}, counted(4));
  const std::shared_ptr<Reader> source = made.reader();
  const auto refused = [&](Slot slot) { EXPECT_THROW(view(plan_for(*source, {std::move(slot)}), {source}), Error); };
  refused({"s", DType::f32, {4}, {}});                                                   // nothing fills it
  refused({"s", DType::f32, {4}, {{Op::copy, 0, "b", {{4, 1, 1}}, 0, 0, {}}}});          // no such tensor
  refused({"s", DType::f32, {4}, {{Op::copy, 0, "a", {{4, 1, 1}}, 1, 0, {}}}});          // beyond the source
  refused({"s", DType::f32, {4}, {{Op::copy, 0, "a", {{4, 1, 1}}, 0, 1, {}}}});          // beyond the slot
  refused({"s", DType::f16, {4}, {{Op::copy, 0, "a", {{4, 1, 1}}, 0, 0, {}}}});          // another dtype
  refused({"s", DType::f32, {4}, {{Op::copy, 7, "a", {{4, 1, 1}}, 0, 0, {}}}});          // no such source
  refused({"s", DType::f32, {4}, {{Op::copy, 0, "a", {{4, INT64_MAX, 1}}, 0, 0, {}}}});  // overflow
  Plan other = plan_for(*source, {{"s", DType::f32, {4}, {{Op::copy, 0, "a", {{4, 1, 1}}, 0, 0, {}}}}});
  other.sources.front().digest = "0";
  EXPECT_THROW(view(other, {source}), Error);
}

}  // namespace
}  // namespace transload
