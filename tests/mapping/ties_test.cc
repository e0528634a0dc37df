// Tied tensors for formats that keep ties: under each of their names, all from one tensor of the source.
#include <gtest/gtest.h>

#include <algorithm>

#include "mapping/bert_models.h"
#include "support/synthetic.h"
#include "transload/mapping.h"

namespace transload {
namespace {

using testing::add_mlm_head;
using testing::hf_body;
using testing::IndexOnlyReader;
using testing::synthetic_index;

constexpr std::string_view kWords = "bert.embeddings.word_embeddings.weight";
constexpr std::string_view kDecoder = "cls.predictions.decoder.weight";

// A masked language model; `decoder`: the tied tensors are stored, each on its own.
Plan plan_of(bool decoder, bool with_ties, const std::string& config = "") {
  auto tensors = hf_body("bert.");
  add_mlm_head(tensors, decoder);
  const IndexOnlyReader reader(synthetic_index(tensors));
  const Mapping& bert = Mapping::builtin("bert");
  BindOptions options;
  if (!config.empty()) options.config_json = config;
  return bert.plan(reader, "source", bert.bind(reader.index(), options), "hf", {}, with_ties);
}

const Slot* slot(const Plan& plan, std::string_view name) {
  const auto found = std::ranges::find(plan.slots, name, &Slot::name);
  return found == plan.slots.end() ? nullptr : &*found;
}

std::string source_of(const Plan& plan, std::string_view name) {
  const Slot* found = slot(plan, name);
  return found == nullptr || found->pieces.size() != 1 ? "" : found->pieces.front().tensor;
}

TEST(TiesKept, AreWrittenOnceUnlessAskedFor) {
  EXPECT_EQ(slot(plan_of(false, false), kDecoder), nullptr);
  EXPECT_EQ(slot(plan_of(true, false), kDecoder), nullptr);
}

TEST(TiesKept, EachNameIsMadeOfTheOneTensorThatIsThere) {
  const Plan plan = plan_of(false, true);
  EXPECT_EQ(source_of(plan, kDecoder), kWords);
  EXPECT_EQ(source_of(plan, "cls.predictions.decoder.bias"), "cls.predictions.bias");
  EXPECT_TRUE(plan.equals.empty());
}

TEST(TiesKept, TensorsThatAreStoredTwiceMustBeEqual) {
  const Plan plan = plan_of(true, true);
  EXPECT_EQ(source_of(plan, kDecoder), kDecoder);
  EXPECT_TRUE(plan.drops.empty());
  ASSERT_EQ(plan.equals.size(), 2u);
  EXPECT_EQ(plan.equals[0].kept, kWords);
  EXPECT_EQ(plan.equals[0].dropped, kDecoder);
}

TEST(TiesKept, WhatTheConfigurationUntiesIsNotEqual) {
  const std::string config = R"({"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 12, "type_vocab_size": 2,
    "vocab_size": 30, "hidden_act": "gelu", "tie_word_embeddings": false})";
  const Plan plan = plan_of(true, true, config);
  EXPECT_EQ(source_of(plan, kDecoder), kDecoder);
  ASSERT_EQ(plan.equals.size(), 1u);  // the bias of the decoder is tied by the class itself
  EXPECT_EQ(plan.equals[0].dropped, "cls.predictions.decoder.bias");
}

}  // namespace
}  // namespace transload
