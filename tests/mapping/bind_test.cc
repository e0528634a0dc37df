// What is carried, what is refused and in which words, on checkpoints of names and shapes.
#include <gtest/gtest.h>

#include "mapping/bert_models.h"
#include "mapping/plan_checks.h"
#include "transload/mapping.h"

namespace transload {
namespace {

using testing::add_mlm_head;
using testing::drop_reason;
using testing::hf_body;
using testing::IndexOnlyReader;
using testing::named;
using testing::NamedShape;
using testing::slot_named;
using testing::synthetic_index;

const Mapping& bert() { return Mapping::builtin("bert"); }

Binding bound(const std::vector<NamedShape>& tensors, const BindOptions& options = {}) {
  return bert().bind(synthetic_index(tensors), options);
}

Plan plan(const std::vector<NamedShape>& tensors, const std::string& to, const BindOptions& options = {}) {
  const IndexOnlyReader reader(synthetic_index(tensors));
  return bert().plan(reader, "source", bert().bind(reader.index(), options), to);
}

Error refusal(const std::vector<NamedShape>& tensors, const BindOptions& options = {}) {
  try {
    bound(tensors, options);
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was refused";
  return {Errc::usage, ""};
}

bool says(const Error& error, const std::string& text) {
  if (std::string(error.what()).find(text) != std::string::npos) return true;
  for (const std::string& detail : error.details()) {
    if (detail.find(text) != std::string::npos) return true;
  }
  return false;
}

bool notes(const std::vector<std::string>& all, const std::string& text) {
  for (const std::string& note : all) {
    if (note.find(text) != std::string::npos) return true;
  }
  return false;
}

void put(std::vector<NamedShape>& all, std::vector<NamedShape> more) {
  all.insert(all.end(), more.begin(), more.end());
}

std::vector<NamedShape> under(const std::string& prefix, std::vector<NamedShape> all) {
  for (NamedShape& each : all) each.name = prefix + each.name;
  return all;
}

// ---- bind: what is understood
// ----------------------------------------------------------------------------------------

TEST(Bind, InfersWhatTheTensorsShow) {
  const Binding binding = bound(hf_body());
  EXPECT_EQ(binding.family, "bert");
  EXPECT_EQ(binding.dialect, "hf");
  EXPECT_EQ(binding.config, (ModelConfig{{"F", "16"}, {"H", "8"}, {"L", "2"}, {"P", "12"}, {"T", "2"}, {"V", "30"}}));
  EXPECT_EQ(binding.parts, (std::vector<std::string>{"embeddings", "layer", "pooler"}));
  EXPECT_TRUE(binding.notes.empty());
}

TEST(Bind, StripsWrappersWithANote) {
  const Binding binding = bound(under("module.", hf_body("bert.")));
  EXPECT_EQ(binding.prefix, "module.");
  EXPECT_EQ(binding.root, "bert.");
  EXPECT_TRUE(notes(binding.notes, "prefix 'module.' stripped"));
  EXPECT_EQ(bound(under("module.model.", hf_body())).prefix, "module.model.");
  EXPECT_EQ(bound(under("my.own.", hf_body("bert."))).prefix, "my.own.");
}

TEST(Bind, DoesNotTakeAnotherFamilyForAWrapper) {
  EXPECT_TRUE(says(refusal(hf_body("roberta.")), "holds no state_dict of a bert"));
  EXPECT_EQ(detect(synthetic_index(hf_body("electra."))).family, "");
}

TEST(Bind, FindsTheContainerAndLeavesTheRest) {
  for (const std::string container : {"state_dict", "model", "model_state_dict", "module", "model/state_dict"}) {
    auto all = under(container + "/", hf_body("module.bert."));
    all.push_back({"optimizer/state/0/exp_avg", {30, 8}});
    all.push_back({"epoch", {}, DType::i64});
    const Binding binding = bound(all);
    EXPECT_EQ(binding.container, container);
    EXPECT_EQ(binding.prefix, "module.");
    ASSERT_EQ(binding.drops.size(), 2u);
    EXPECT_EQ(binding.drops[0].reason, "outside of the state_dict '" + container + "': not carried over");
    EXPECT_TRUE(notes(binding.notes, "the model lies in '" + container + "'"));
  }
}

TEST(Bind, TakesAModelAtTheTopWithAnOptimizerBesideIt) {
  auto all = hf_body();
  all.push_back({"optimizer/state/0/exp_avg", {30, 8}});
  EXPECT_EQ(bound(all).drops.at(0).reason, "outside of the state_dict at the top: not carried over");
}

TEST(Bind, RefusesAModelInAnUnusualContainer) {
  const Error error = refusal(under("something/else/", hf_body()));
  EXPECT_TRUE(says(error, "holds no state_dict at the top or under state_dict, model")) << error.what();
  EXPECT_NE(error.advice().find("--key 'something/else'"), std::string::npos);
}

TEST(Bind, AUsualContainerGoesBeforeAnUnusualOne) {
  auto all = under("model/", hf_body());
  put(all, under("ema/", hf_body()));
  const Binding binding = bound(all);
  EXPECT_EQ(binding.container, "model");
  EXPECT_EQ(binding.drops.size(), hf_body().size());
  EXPECT_EQ(binding.drops.front().reason, "outside of the state_dict 'model': not carried over");
}

TEST(Bind, AsksWhichOfTwoModels) {
  auto all = under("model/", hf_body());
  put(all, under("state_dict/", hf_body()));
  const Error error = refusal(all);
  EXPECT_TRUE(says(error, "holds two models: one under 'model', one under 'state_dict'")) << error.what();
  EXPECT_NE(error.advice().find("--key"), std::string::npos);

  auto flat = hf_body("teacher.bert.");
  put(flat, hf_body("student.bert."));
  EXPECT_NE(refusal(flat).advice().find("--drop"), std::string::npos);
  EXPECT_EQ(bound(flat, {.dialect = {}, .config_json = {}, .config_name = {}, .drop = {"teacher.**"}}).prefix,
            "student.");
}

TEST(Bind, ReadsOldNamesAndNeverWritesThem) {
  auto all = hf_body();
  for (NamedShape& each : all) {
    const std::size_t norm = each.name.find("LayerNorm.");
    if (norm == std::string::npos) continue;
    each.name.replace(norm, std::string::npos, each.name.ends_with("weight") ? "LayerNorm.gamma" : "LayerNorm.beta");
  }
  const Plan same = plan(all, "hf");
  EXPECT_NE(slot_named(same, "embeddings.LayerNorm.weight"), nullptr);
  EXPECT_EQ(slot_named(same, "embeddings.LayerNorm.gamma"), nullptr);
  EXPECT_TRUE(notes(same.notes, "old names"));
}

TEST(Bind, DropsPositionIdsWithTheReason) {
  auto all = hf_body("bert.");
  all.push_back({"bert.embeddings.position_ids", {1, 12}, DType::i64});
  EXPECT_EQ(drop_reason(plan(all, "tf1"), "bert.embeddings.position_ids"),
            "the numbers 0 to P-1, made by the model itself");
}

TEST(Bind, DropsByGlobAreRecordedAndUnusedGlobsNoted) {
  auto all = hf_body();
  all.push_back({"extra.weight", {3}});
  const Binding binding =
      bound(all, {.dialect = {}, .config_json = {}, .config_name = {}, .drop = {"extra.*", "nothing*"}});
  EXPECT_EQ(binding.drops.at(0).reason, "dropped by --drop extra.*");
  EXPECT_TRUE(notes(binding.notes, "--drop nothing* matches no tensor"));
}

TEST(Bind, APoolerThatIsAbsentIsNotInvented) {
  const Plan made = plan(hf_body("bert.", {}, false), "tf1");
  EXPECT_EQ(slot_named(made, "bert/pooler/dense/kernel"), nullptr);
}

// ---- the rare parts of the body
// --------------------------------------------------------------------------------------

TEST(Bind, CarriesCrossAttentionTransposed) {
  auto all = hf_body();
  for (int i = 0; i < 2; ++i) {
    const std::string cross = fmt::format("encoder.layer.{}.crossattention.", i);
    for (const char* name : {"self.query", "self.key", "self.value", "output.dense"}) {
      all.push_back({cross + name + ".weight", {8, 8}});
      all.push_back({cross + name + ".bias", {8}});
    }
    all.push_back({cross + "output.LayerNorm.weight", {8}});
    all.push_back({cross + "output.LayerNorm.bias", {8}});
  }
  const Plan made = plan(all, "tf1");
  const Slot* query = slot_named(made, "bert/encoder/layer_0/crossattention/self/query/kernel");
  ASSERT_NE(query, nullptr);
  EXPECT_TRUE(testing::is_transpose(*query));
  const auto place = [&](const std::string& name) { return slot_named(made, name) - made.slots.data(); };
  EXPECT_LT(place("bert/encoder/layer_0/attention/output/LayerNorm/beta"), place(query->name));
  EXPECT_LT(place(query->name), place("bert/encoder/layer_0/intermediate/dense/kernel"));
  EXPECT_NE(slot_named(made, "bert/encoder/layer_1/crossattention/output/LayerNorm/gamma"), nullptr);

  testing::erase(all, "encoder.layer.1.crossattention.self.key.bias");
  EXPECT_TRUE(says(refusal(all), "encoder.layer.1.crossattention.self.key.bias"));
}

TEST(Bind, CarriesRelativePositionsAsTheyAreAndLearnsTheHeadsFromThem) {
  auto all = hf_body();
  for (int i = 0; i < 2; ++i) {
    all.push_back({fmt::format("encoder.layer.{}.attention.self.distance_embedding.weight", i), {23, 4}});
  }
  EXPECT_EQ(bound(all).config.at("A"), "2");
  const Plan made = plan(all, "tf1");
  const Slot* distance = slot_named(made, "bert/encoder/layer_1/attention/self/distance_embedding/kernel");
  ASSERT_NE(distance, nullptr);
  EXPECT_TRUE(testing::is_plain_copy(*distance));
  EXPECT_EQ(distance->shape, (Shape{23, 4}));
  EXPECT_EQ((distance - 1)->name, "bert/encoder/layer_1/attention/self/value/bias");
}

// ---- ties
// ------------------------------------------------------------------------------------------------------------

TEST(Ties, ADecoderIsKeptOnceUnderAnObligation) {
  auto all = hf_body("bert.");
  add_mlm_head(all, true);
  const Plan made = plan(all, "tf1");
  ASSERT_EQ(made.equals.size(), 2u);
  EXPECT_EQ(made.equals[0].kept, "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(made.equals[0].dropped, "cls.predictions.decoder.weight");
  EXPECT_EQ(made.equals[1].kept, "cls.predictions.bias");
  EXPECT_EQ(drop_reason(made, "cls.predictions.decoder.weight"),
            "tied to 'bert.embeddings.word_embeddings.weight', which is kept");
  EXPECT_EQ(slot_named(plan(all, "hf"), "cls.predictions.decoder.weight"), nullptr);
}

TEST(Ties, EitherNameOfTheBiasWillDo) {
  auto all = hf_body("bert.");
  add_mlm_head(all, true);
  testing::erase(all, "cls.predictions.bias");
  const Plan made = plan(all, "tf1");
  EXPECT_EQ(slot_named(made, "cls/predictions/output_bias")->pieces.at(0).tensor, "cls.predictions.decoder.bias");
  EXPECT_NE(slot_named(plan(all, "hf"), "cls.predictions.bias"), nullptr);
  EXPECT_TRUE(notes(made.notes, "stands for"));
}

TEST(Ties, WordEmbeddingsMayBeThereOnlyAsTheDecoder) {
  auto all = hf_body("bert.");
  add_mlm_head(all, true);
  testing::erase(all, "bert.embeddings.word_embeddings.weight");
  const Plan made = plan(all, "tf1");
  EXPECT_EQ(slot_named(made, "bert/embeddings/word_embeddings")->pieces.at(0).tensor, "cls.predictions.decoder.weight");
  ASSERT_EQ(made.equals.size(), 1u);  // the biases
  EXPECT_EQ(made.equals[0].dropped, "cls.predictions.decoder.bias");
}

TEST(Ties, AnUntiedDecoderIsATensorOfItsOwn) {
  auto all = hf_body("bert.");
  add_mlm_head(all, true);
  BindOptions options;
  options.config_json = R"({"model_type": "bert", "hidden_size": 8, "tie_word_embeddings": false})";
  const Plan made = plan(all, "hf", options);
  EXPECT_NE(slot_named(made, "cls.predictions.decoder.weight"), nullptr);
  EXPECT_EQ(made.equals.size(), 1u);  // the biases stay tied
  EXPECT_EQ(plan(all, "tf1", options).equals.size(), 2u);
}

// ---- refusals
// --------------------------------------------------------------------------------------------------------

TEST(Refusal, AMissingTensorIsNamed) {
  auto all = hf_body("bert.");
  testing::erase(all, "bert.encoder.layer.1.output.dense.bias");
  const Error error = refusal(all);
  EXPECT_EQ(error.code(), Errc::unmapped);
  EXPECT_EQ(error.where().tensor, "bert.encoder.layer.1.output.dense.bias");
  EXPECT_EQ(error.message(), "is missing");
}

TEST(Refusal, AWrongShapeNamesBothSides) {
  auto all = hf_body();
  named(all, "encoder.layer.0.intermediate.dense.weight").shape = {16, 9};
  const Error error = refusal(all);
  EXPECT_EQ(error.code(), Errc::mismatch);
  EXPECT_EQ(error.where().tensor, "encoder.layer.0.intermediate.dense.weight");
  EXPECT_TRUE(says(error, "has shape [16, 9]; expected [16, 8]")) << error.what();
  EXPECT_TRUE(says(error, "H = 8 by 'embeddings.word_embeddings.weight'")) << error.what();
}

TEST(Refusal, AWrongRankIsAWrongShape) {
  auto all = hf_body();
  named(all, "pooler.dense.bias").shape = {8, 1};
  EXPECT_TRUE(says(refusal(all), "has shape [8, 1]; expected [8]"));
}

TEST(Refusal, AnUnknownTensorIsNamedWithAdvice) {
  auto all = hf_body();
  all.push_back({"encoder.layer.0.adapter.weight", {4, 4}});
  const Error error = refusal(all);
  EXPECT_EQ(error.where().tensor, "encoder.layer.0.adapter.weight");
  EXPECT_NE(error.advice().find("--drop"), std::string::npos);
}

TEST(Refusal, HalfAHeadListsWhatIsMissing) {
  auto all = hf_body("bert.");
  add_mlm_head(all, false);
  testing::erase(all, "cls.predictions.transform.LayerNorm.bias");
  testing::erase(all, "cls.predictions.transform.dense.weight");
  const Error error = refusal(all);
  EXPECT_EQ(error.details().size(), 1u);
  EXPECT_TRUE(says(error, "(2 problems in all)"));
  EXPECT_TRUE(says(error, "cls.predictions.transform.LayerNorm.bias"));
  EXPECT_TRUE(says(error, "while other tensors of 'head.mlm' are there"));
}

TEST(Refusal, AllProblemsComeAtOnce) {
  auto all = hf_body();
  testing::erase(all, "embeddings.LayerNorm.bias");
  named(all, "pooler.dense.weight").shape = {8, 7};
  all.push_back({"stranger", {1}});
  const Error error = refusal(all);
  EXPECT_TRUE(says(error, "(3 problems in all)"));
  EXPECT_EQ(error.details().size(), 2u);
}

TEST(Refusal, ANestedDictWithoutAStateDict) {
  const Error error = refusal({{"args/lr", {}}, {"net/conv.weight", {3, 3}}});
  EXPECT_EQ(error.code(), Errc::unmapped);
  EXPECT_TRUE(says(error, "holds no state_dict of a bert (hf, tf1, gluon): none of its 2 tensors has such a name"))
      << error.what();
}

TEST(Refusal, AWrongDialectNamesTheRightOne) {
  BindOptions options;
  options.dialect = "tf1";
  EXPECT_NE(refusal(hf_body(), options).advice().find("--from hf"), std::string::npos);
}

TEST(Refusal, AGapInTheLayersIsFoundWhateverTheNumber) {
  auto all = hf_body();
  for (NamedShape& each : all) {
    const std::size_t at = each.name.find("layer.1.");
    if (at != std::string::npos) each.name.replace(at, 8, "layer.999999999.");
  }
  EXPECT_TRUE(says(refusal(all), "layers 1 to 999999998 are missing"));
}

TEST(Refusal, IntegersAreNoWeights) {
  auto all = hf_body();
  named(all, "pooler.dense.weight").dtype = DType::i8;
  EXPECT_TRUE(says(refusal(all), "is int8, where weights are expected"));
}

TEST(Refusal, TwoNamesForOneParameter) {
  auto all = hf_body();
  all.push_back({"embeddings.LayerNorm.gamma", {8}});
  EXPECT_TRUE(says(refusal(all), "is the same tensor as 'embeddings.LayerNorm.weight' under another name"));
}

TEST(Refusal, ASizeOfZero) {
  auto all = hf_body("", {.layers = 1, .width = 0, .inner = 0, .positions = 0, .types = 0, .words = 0});
  EXPECT_EQ(refusal(all).code(), Errc::mismatch);
}

TEST(Refusal, WhatTheReaderLeftOut) {
  Index index = synthetic_index(hf_body());
  index.left_out.push_back({"pruned.weight", "a sparse tensor"});
  EXPECT_THROW(bert().bind(index, {}), Error);
  BindOptions options;
  options.drop = {"pruned.*"};
  EXPECT_NO_THROW(bert().bind(index, options));
}

TEST(Detect, KnowsDialectsAndNothingElse) {
  EXPECT_EQ(detect(synthetic_index(hf_body())).dialect, "hf");
  EXPECT_EQ(detect(synthetic_index({{"a", {1}}, {"b", {2}}})).family, "");
  EXPECT_EQ(detect(synthetic_index({})).family, "");
}

TEST(Detect, ALongHostileNameIsNoTrouble) {
  std::string name;
  while (name.size() < 60000) name += "encoder.layer.1.";
  auto all = hf_body();
  all.push_back({name, {1}});
  EXPECT_EQ(detect(synthetic_index(all)).family, "bert");
}

}  // namespace
}  // namespace transload
