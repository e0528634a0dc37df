#include <gtest/gtest.h>

#include "support/memory_reader.h"
#include "transload/prove.h"

namespace transload {
namespace {

using testing::MemoryCheckpoint;

std::shared_ptr<Reader> checkpoint(const std::vector<float>& a, bool with_b, DType dtype = DType::f32) {
  MemoryCheckpoint made;
  made.add("a", dtype, {static_cast<std::int64_t>(a.size())}, a);
  if (with_b) made.add("b", DType::f32, {1}, std::vector<float>{9});
  return made.reader();
}

std::vector<std::string> differing(const ExactProof& proof) {
  std::vector<std::string> names;
  for (const Difference& each : proof.differences) names.push_back(each.tensor);
  return names;
}

TEST(ExactProof, HoldsForTheSameValues) {
  const auto source = checkpoint({1, 2}, true);
  const ExactProof proof = prove_exact(identity_plan(*source, "s"), {source}, *checkpoint({1, 2}, true));
  EXPECT_TRUE(proof.holds());
  EXPECT_EQ(proof.carried, 2u);
  EXPECT_EQ(proof.equal, 2u);
  EXPECT_EQ(proof.bytes, 12u);
}

TEST(ExactProof, FindsOneChangedBit) {
  const auto source = checkpoint({1, 0.f}, true);
  const ExactProof proof = prove_exact(identity_plan(*source, "s"), {source}, *checkpoint({1, -0.f}, true));
  EXPECT_EQ(differing(proof), std::vector<std::string>{"a"});
  EXPECT_EQ(proof.slot_equal, (std::vector<bool>{false, true}));
}

TEST(ExactProof, FindsWhatIsMissingAndWhatIsTooMuch) {
  const auto both = checkpoint({1}, true);
  const auto one = checkpoint({1}, false);
  EXPECT_EQ(differing(prove_exact(identity_plan(*both, "s"), {both}, *one)), std::vector<std::string>{"b"});
  EXPECT_EQ(differing(prove_exact(identity_plan(*one, "s"), {one}, *both)), std::vector<std::string>{"b"});
}

TEST(ExactProof, FindsATensorThatIsNeitherCarriedNorDropped) {
  const auto both = checkpoint({1}, true);
  Plan plan = identity_plan(*both, "s");
  plan.slots.pop_back();
  EXPECT_EQ(differing(prove_exact(plan, {both}, *checkpoint({1}, false))), std::vector<std::string>{"b"});
  plan.drops.push_back({0, "b", "not wanted"});
  EXPECT_TRUE(prove_exact(plan, {both}, *checkpoint({1}, false)).holds());
}

TEST(ExactProof, FindsAnotherShape) {
  const auto source = checkpoint({1, 2}, false);
  EXPECT_EQ(differing(prove_exact(identity_plan(*source, "s"), {source}, *checkpoint({1}, false))),
            std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace transload
