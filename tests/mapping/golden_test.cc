// Names, shapes, sources and transposes against what the real frameworks have for the same models.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "mapping/plan_checks.h"
#include "support/synthetic.h"
#include "transload/mapping.h"

namespace transload {
namespace {

using nlohmann::ordered_json;
using testing::drop_reason;
using testing::is_plain_copy;
using testing::is_transpose;
using testing::slot_named;

std::string golden(const std::string& path) { return std::string(TRANSLOAD_TESTS_DIR) + "/golden/tensorflow/" + path; }

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

ordered_json json_of(const std::string& path) { return ordered_json::parse(text_of(path)); }

std::shared_ptr<Reader> open_path(const std::string& path, const std::string& format = "") {
  return open(locate(path, {.format = format, .hub_cache = {}}));
}

Plan plan_to(const Reader& source, const std::string& dialect, const BindOptions& options = {},
             std::span<const std::string> only = {}) {
  const Mapping& bert = Mapping::builtin("bert");
  return bert.plan(source, "source", bert.bind(source.index(), options), dialect, only);
}

// ---- heads: the plan has exactly the slots of expected.json, in its order, made of exactly those tensors ------------

class Heads : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Heads, PlanIsWhatTheRealFrameworksAgreedOn) {
  const auto [head, file] = GetParam();
  const auto reader = open_path(golden("heads/" + std::string(head) + "/" + file));
  const ordered_json expected = json_of(golden("heads/" + std::string(head) + "/expected.json"));
  const Plan plan = plan_to(*reader, "tf1");

  std::vector<std::string> names, expected_names;
  for (const Slot& slot : plan.slots) names.push_back(slot.name);
  for (const auto& [name, tensor] : expected["tf"].items()) expected_names.push_back(name);
  EXPECT_EQ(names, expected_names);
  for (const auto& [name, tensor] : expected["tf"].items()) {
    const Slot* slot = slot_named(plan, name);
    ASSERT_NE(slot, nullptr) << name;
    EXPECT_EQ(slot->shape, tensor["shape"].get<Shape>()) << name;
    EXPECT_EQ(slot->pieces.at(0).tensor, tensor["from"].get<std::string>()) << name;
    EXPECT_EQ(slot->dtype, dtype_named(tensor["dtype"].get<std::string>())) << name;
    EXPECT_TRUE(tensor["transpose"].get<bool>() ? is_transpose(*slot) : is_plain_copy(*slot)) << name;
  }
  std::set<std::string> dropped, expected_dropped;
  for (const Drop& drop : plan.drops) dropped.insert(drop.tensor);
  for (const auto& name : expected["dropped_tied"]) {
    if (reader->index().find(name.get<std::string>()) != nullptr) expected_dropped.insert(name.get<std::string>());
  }
  EXPECT_EQ(dropped, expected_dropped);
  EXPECT_EQ(plan.equals.size(), dropped.size());
}

TEST_P(Heads, WayBackGivesTheSameNames) {
  const auto [head, file] = GetParam();
  const auto reader = open_path(golden("heads/" + std::string(head) + "/" + file));
  const auto safetensors = open_path(golden("heads/" + std::string(head) + "/model.safetensors"));
  const auto there = std::shared_ptr<Reader>(view(plan_to(*reader, "tf1"), {reader}));
  const Plan back = plan_to(*there, "hf");
  std::set<std::string> names, expected;
  for (const Slot& slot : back.slots) names.insert(slot.name);
  for (const TensorInfo& tensor : safetensors->index().tensors) expected.insert(tensor.name);
  EXPECT_EQ(names, expected);
}

INSTANTIATE_TEST_SUITE_P(All, Heads,
                         ::testing::Combine(::testing::Values("BertModel", "BertForPreTraining", "BertForMaskedLM",
                                                              "BertForNextSentencePrediction",
                                                              "BertForSequenceClassification"),
                                            ::testing::Values("model.safetensors", "pytorch_model.bin")));

// ---- Google's own graphs
// ---------------------------------------------------------------------------------------------

class Google : public ::testing::TestWithParam<const char*> {};

TEST_P(Google, BecomesItsTorchTwin) {
  const std::string folder = golden(GetParam());
  const auto source = open_path(folder + "/model.ckpt", "tensor_bundle");
  const auto twin = open_path(folder + "/pytorch_model.bin");
  BindOptions options;
  options.config_json = text_of(folder + "/bert_config.json");
  options.config_name = "bert_config.json";
  const Plan plan = plan_to(*source, "hf", options);
  std::set<std::string> names;
  for (const Slot& slot : plan.slots) {
    names.insert(slot.name);
    const TensorInfo* tensor = twin->index().find(slot.name);
    ASSERT_NE(tensor, nullptr) << slot.name;
    EXPECT_EQ(tensor->shape, slot.shape) << slot.name;
  }
  // What the twin has beyond it is tied.
  for (const TensorInfo& tensor : twin->index().tensors) {
    EXPECT_TRUE(names.contains(tensor.name) || tensor.name.starts_with("cls.predictions.decoder.")) << tensor.name;
  }
  EXPECT_EQ(plan.metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
}

INSTANTIATE_TEST_SUITE_P(All, Google, ::testing::Values("google_pretraining", "google_classifier"));

TEST(Google, OptimizerStateIsDroppedWithItsReason) {
  const auto source = open_path(golden("google_pretraining_adam/model.ckpt-1234"), "tensor_bundle");
  const Plan plan = plan_to(*source, "hf");
  EXPECT_EQ(drop_reason(plan, "global_step"), "step of the optimizer");
  EXPECT_EQ(drop_reason(plan, "bert/pooler/dense/kernel/adam_m"), "first moment of the optimizer (Adam, LAMB)");
  EXPECT_EQ(plan.slots.size() + plan.drops.size(), source->index().tensors.size());
}

TEST(Google, EveryVariableOfItsGraphsIsKnown) {
  const ordered_json graphs = json_of(golden("google_vars.json"));
  for (const auto& [graph, variables] : graphs.items()) {
    std::vector<testing::NamedShape> tensors;
    for (const auto& variable : variables) {
      const std::string name = variable[0].get<std::string>();
      tensors.push_back({name, variable[1].get<Shape>(), *dtype_named(variable[2].get<std::string>())});
    }
    const testing::IndexOnlyReader reader(testing::synthetic_index(tensors, "tensor_bundle"));
    const Detected detected = detect(reader.index());
    EXPECT_EQ(detected.family, "bert") << graph;
    EXPECT_EQ(detected.dialect, "tf1") << graph;
    const Plan same = plan_to(reader, "tf1");
    EXPECT_EQ(same.slots.size() + same.drops.size(), tensors.size()) << graph;
    for (const Slot& slot : same.slots) EXPECT_TRUE(is_plain_copy(slot)) << slot.name;
  }
}

// ---- the old script's own output
// -------------------------------------------------------------------------------------

TEST(Tiny, BodyHasTheNamesOfTheOldScriptInTheOrderOfTheStateDict) {
  const auto source = open_path(golden("tiny/model.safetensors"));
  const auto script = open_path(golden("tiny/expected_tf/tiny.ckpt"), "tensor_bundle");
  const Plan plan = plan_to(*source, "tf1");
  ASSERT_EQ(plan.slots.size(), 39u);
  for (const Slot& slot : plan.slots) {
    const TensorInfo* tensor = script->index().find(slot.name);
    ASSERT_NE(tensor, nullptr) << slot.name;
    EXPECT_EQ(tensor->shape, slot.shape);
  }
  const std::vector<std::string> first{"bert/embeddings/word_embeddings",
                                       "bert/embeddings/position_embeddings",
                                       "bert/embeddings/token_type_embeddings",
                                       "bert/embeddings/LayerNorm/gamma",
                                       "bert/embeddings/LayerNorm/beta",
                                       "bert/encoder/layer_0/attention/self/query/kernel",
                                       "bert/encoder/layer_0/attention/self/query/bias"};
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(plan.slots[i].name, first[i]);
  EXPECT_EQ(plan.slots.back().name, "bert/pooler/dense/bias");
}

TEST(Tiny, RoundTripIsTheIdentity) {
  const auto source = open_path(golden("tiny/model.safetensors"));
  const auto there = std::shared_ptr<Reader>(view(plan_to(*source, "tf1"), {source}));
  const auto back = std::shared_ptr<Reader>(view(plan_to(*there, "hf"), {there}));
  ASSERT_EQ(back->index().tensors.size(), source->index().tensors.size());
  for (const TensorInfo& tensor : back->index().tensors) {
    const TensorInfo* original = source->index().find(tensor.name);
    ASSERT_NE(original, nullptr) << tensor.name;
    EXPECT_EQ(tensor_digest(*back, tensor), tensor_digest(*source, *original)) << tensor.name;
  }
}

TEST(Tiny, BodyOnlyDropsHeadsByNameAndSaysHowToKeepThem) {
  const auto source = open_path(golden("heads/BertForPreTraining/pytorch_model.bin"));
  const std::vector<std::string> body{"embeddings", "layer", "pooler"};
  const Plan plan = plan_to(*source, "tf1", {}, body);
  EXPECT_EQ(plan.slots.back().name, "bert/pooler/dense/bias");
  EXPECT_EQ(drop_reason(plan, "cls.predictions.decoder.weight"), "head, kept by `transload convert --to tf1`");
  EXPECT_EQ(drop_reason(plan, "cls.seq_relationship.bias"), "head, kept by `transload convert --to tf1`");
  EXPECT_TRUE(plan.equals.empty());
  EXPECT_EQ(plan.slots.size() + plan.drops.size(), source->index().tensors.size());
}

}  // namespace
}  // namespace transload
