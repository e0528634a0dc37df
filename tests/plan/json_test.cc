#include <gtest/gtest.h>

#include "support/files.h"
#include "transload/error.h"
#include "transload/plan.h"

namespace transload {
namespace {

Plan example() {
  Plan plan;
  plan.sources = {{"in/model.bin", "torch", "abc"}};
  plan.slots = {{"bert/pooler/dense/kernel",
                 DType::bf16,
                 {2, 3},
                 {{Op::cast, 0, "pooler.dense.weight", {{2, 1, 3}, {3, 2, 1}}, 0, 0, {}}}},
                {"t", DType::f32, {2}, {{Op::zeros, 0, "", {{2, 0, 1}}, 0, 0, {}}}},
                {"v", DType::f32, {2}, {{Op::copy, 0, "v", {{2, 1, 1}}, 0, 0, {1, 0}}}}};
  plan.drops = {{0, "embeddings.position_ids", "rebuilt"}};
  plan.equals = {{0, "a", "b"}};
  plan.zeros = {{0, "types", "no place"}};
  plan.notes = {"a \"note\""};
  plan.metadata = {{"format", "pt"}};
  plan.allow_nonfinite = false;
  return plan;
}

TEST(PlanJson, ThereAndBackAgainIsTheSame) {
  const std::string json = to_json(example());
  EXPECT_EQ(to_json(plan_from_json(json)), json);
  const Plan back = plan_from_json(json);
  EXPECT_EQ(back.slots[0].pieces[0].axes, example().slots[0].pieces[0].axes);
  EXPECT_EQ(back.slots[2].pieces[0].rows, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(back.drops[0].reason, "rebuilt");
  ASSERT_EQ(back.zeros.size(), 1u);
  EXPECT_EQ(back.zeros[0].tensor, "types");
  EXPECT_EQ(back.zeros[0].reason, "no place");
  EXPECT_FALSE(back.allow_nonfinite);
  EXPECT_FALSE(back.allow_overflow);
}

// A seed that is refused at once leads the fuzzer nowhere.
TEST(PlanJson, TheFuzzersSeedIsAPlan) {
  const Plan plan = plan_from_json(testing::read_file(testing::tests_dir() / "../fuzz/seeds/plan/whole"));
  EXPECT_EQ(plan.slots.size(), 7u);
}

TEST(PlanJson, RefusesWhatIsNoPlan) {
  const std::string good = to_json(example());
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string bad = good;
    const std::size_t at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bad.replace(at, from.size(), to);
    EXPECT_THROW(plan_from_json(bad), Error) << to;
  };
  refused("\"transload_plan\":1", "\"transload_plan\":2");
  refused("\"op\":\"cast\"", "\"op\":\"exec\"");
  refused("\"bfloat16\"", "\"float17\"");
  refused("[2,3]", "[2,-3]");
  refused("[2,3]", "[2,1.5]");
  refused("\"slots\"", "\"slot\"");
  refused("\"allow_nonfinite\":false", "\"allow_nonfinite\":0");
  refused("[[2,1,3],", "[[2,1],");
  EXPECT_THROW(plan_from_json(""), Error);
  EXPECT_THROW(plan_from_json("[]"), Error);
}

}  // namespace
}  // namespace transload
