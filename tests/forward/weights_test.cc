#include "forward/weights.h"

#include <gtest/gtest.h>

#include <cstring>

#include "plan/cast.h"
#include "support/errors.h"
#include "support/memory_reader.h"

namespace transload::forward {
namespace {

using testing::MemoryCheckpoint;
using testing::refuses;
using Numbers = std::vector<double>;

Model model_of(MemoryCheckpoint& checkpoint, std::string prefix = "") {
  return {checkpoint.reader(), "memory", "bert", "hf", std::move(prefix), "", ""};
}

// 0, 1, 2, ... as a matrix.
std::vector<float> counted(std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return values;
}

TEST(Weights, ReadsEveryFloatType) {
  const Numbers wanted{0.5, -2, 1024, 0};
  MemoryCheckpoint checkpoint;
  for (const DType type : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    std::vector<std::byte> stored(wanted.size() * element_bytes(type));
    cast(DType::f64, type, std::as_bytes(std::span(wanted)), stored);
    checkpoint.add(std::string(name(type)), type, {2, 2}, stored);
  }
  const Weights weights(model_of(checkpoint));
  for (const DType type : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    SCOPED_TRACE(name(type));
    const Tensor tensor = weights.matrix(name(type), 2, 2);
    EXPECT_EQ(tensor.values, wanted);
    EXPECT_EQ(tensor.stored, type);
    EXPECT_EQ(tensor.name, name(type));
  }
}

TEST(Weights, TransposesWhatIsStoredAsInOut) {
  MemoryCheckpoint checkpoint;
  checkpoint.add("w", DType::f32, {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const Tensor tensor = Weights(model_of(checkpoint)).matrix("w", 3, 2, Orientation::in_out);
  EXPECT_EQ(tensor.values, (Numbers{1, 4, 2, 5, 3, 6}));
}

TEST(Weights, ReadsLargeMatricesInBlocks) {
  constexpr std::int64_t kRows = 700, kColumns = 501;  // several blocks of 2^17 elements, the last one smaller
  MemoryCheckpoint checkpoint;
  checkpoint.add("w", DType::f32, {kRows, kColumns}, counted(kRows * kColumns));
  const Weights weights(model_of(checkpoint));
  const Tensor straight = weights.matrix("w", kRows, kColumns);
  const Tensor turned = weights.matrix("w", kColumns, kRows, Orientation::in_out);
  const Tensor part = weights.rows("w", kColumns, 100, 500);
  for (std::int64_t r = 0; r < kRows; ++r) {
    for (std::int64_t c = 0; c < kColumns; ++c) {
      const auto value = static_cast<double>(r * kColumns + c);
      ASSERT_EQ(straight.values[static_cast<std::size_t>(r * kColumns + c)], value);
      ASSERT_EQ(turned.values[static_cast<std::size_t>(c * kRows + r)], value);
      if (r >= 100 && r < 600) {
        ASSERT_EQ(part.values[static_cast<std::size_t>((r - 100) * kColumns + c)], value);
      }
    }
  }
}

TEST(Weights, ResolvesStrides) {
  MemoryCheckpoint checkpoint;
  checkpoint.add("other", DType::f32, {6}, counted(6));
  checkpoint.add_view("w", DType::f32, {3, 2}, {1, 3});  // the transpose of [[0, 1, 2], [3, 4, 5]]
  const Weights weights(model_of(checkpoint));
  EXPECT_EQ(weights.matrix("w", 3, 2).values, (Numbers{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(weights.matrix("w", 2, 3, Orientation::in_out).values, (Numbers{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(weights.rows("w", 2, 1, 2).values, (Numbers{1, 4, 2, 5}));
}

TEST(Weights, ReadsRowsInTheOrderAskedFor) {
  MemoryCheckpoint checkpoint;
  checkpoint.add("w", DType::f32, {4, 2}, counted(8));
  const Weights weights(model_of(checkpoint));
  const std::vector<std::int64_t> ids{3, 0, 1}, beyond{0, 4}, negative{-1};
  const Tensor rows = weights.rows("w", 2, ids);
  EXPECT_EQ(rows.values, (Numbers{6, 7, 0, 1, 2, 3}));
  EXPECT_EQ(rows.rows, 3);
  EXPECT_TRUE(refuses([&] { weights.rows("w", 2, beyond); }, Errc::usage, "row 4 of 4"));
  EXPECT_TRUE(refuses([&] { weights.rows("w", 2, negative); }, Errc::usage, "row -1"));
  EXPECT_TRUE(refuses([&] { weights.rows("w", 2, 3, 2); }, Errc::usage, "rows 3 to 5"));
  EXPECT_TRUE(refuses([&] { weights.rows("w", 3, ids); }, Errc::mismatch, "[4, 2]"));
}

TEST(Weights, PutsThePrefixBeforeEveryName) {
  MemoryCheckpoint checkpoint;
  checkpoint.add("model.w", DType::f32, {2}, counted(2));
  const Weights weights(model_of(checkpoint, "model."));
  EXPECT_TRUE(weights.has("w"));
  EXPECT_FALSE(weights.has("model.w"));
  EXPECT_EQ(weights.vector("w", 2).values, (Numbers{0, 1}));
}

TEST(Weights, CountsLayers) {
  MemoryCheckpoint checkpoint;
  for (const char* name : {"layer.0.a", "layer.2.a", "layer.10.b", "layer.x", "layer.12", "layer.99999999999.a",
                           "layer.-5.a", "other.layer.77.a"}) {
    checkpoint.add(name, DType::f32, {1}, counted(1));
  }
  const Weights weights(model_of(checkpoint));
  EXPECT_EQ(weights.count("layer.", "."), 11);
  EXPECT_EQ(weights.count("layers.", "."), 0);
}

TEST(Weights, SaysWhatIsWrong) {
  MemoryCheckpoint checkpoint;
  checkpoint.add("whole", DType::i64, {2}, std::vector<std::int64_t>{1, 2});
  checkpoint.add("w", DType::f32, {2, 2}, counted(4));
  const Weights weights(model_of(checkpoint));
  EXPECT_TRUE(refuses([&] { weights.vector("none", 2); }, Errc::unmapped, "'none'"));
  EXPECT_TRUE(refuses([&] { weights.vector("whole", 2); }, Errc::unsupported, "int64"));
  EXPECT_TRUE(refuses([&] { weights.vector("w", 2); }, Errc::mismatch, "a vector"));
  EXPECT_TRUE(refuses([&] { weights.matrix("w", 2, 3); }, Errc::mismatch, "[2, 2], not [2, 3]"));
}

TEST(Weights, RefusesASmallFileThatDescribesAHugeTensor) {
  MemoryCheckpoint checkpoint;
  checkpoint.add("one", DType::f32, {1}, counted(1));
  checkpoint.add_view("w", DType::f32, {1 << 20, 1 << 20}, {0, 0});
  const Weights weights(model_of(checkpoint));
  EXPECT_TRUE(refuses([&] { weights.matrix("w", 1 << 20, 1 << 20); }, Errc::unsupported, "repeats"));
}

}  // namespace
}  // namespace transload::forward
