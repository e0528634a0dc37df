// What two models have to agree in, and what else the proof says of them.

#include "transload/prove_outputs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stop_token>

#include "outputs/report.h"
#include "outputs/semantics.h"
#include "support/errors.h"
#include "tiny_model.h"

namespace transload {
namespace {

using testing::TinyModel;

// Only what it says counts.
class FixedSemantics final : public forward::Graph {
 public:
  explicit FixedSemantics(forward::Semantics semantics) : semantics_(std::move(semantics)) {}
  const Model& model() const noexcept override { return model_; }
  const forward::Sizes& sizes() const noexcept override { return sizes_; }
  const forward::Semantics& semantics() const noexcept override { return semantics_; }
  bool has_pooler() const noexcept override { return false; }
  std::span<const forward::Head> heads() const noexcept override { return {}; }
  forward::Embeddings embeddings(std::span<const std::int64_t>) const override { return {}; }
  std::vector<std::int64_t> positions(const TokenBatch&) const override { return {}; }
  forward::Layer layer(std::int64_t) const override { return {}; }
  forward::Pooler pooler() const override { return {}; }
  forward::MaskedLm masked_lm() const override { return {}; }
  forward::Tensor word_rows(std::int64_t, std::int64_t) const override { return {}; }
  std::optional<forward::StoredTie> stored_tie() const override { return {}; }
  forward::Tensor decoder_rows(std::int64_t, std::int64_t) const override { return {}; }
  forward::Classifier classifier(forward::Head) const override { return {}; }
  bool classifier_reads_pooled(forward::Head) const override { return false; }

 private:
  Model model_;
  forward::Sizes sizes_;
  forward::Semantics semantics_;
};

// The wrapping that PyTorch's DataParallel leaves, as another checkpoint of the same model.
Model renamed(const TinyModel& tiny) {
  TinyModel other = tiny;
  other.tensors.clear();
  for (const auto& [name, values] : tiny.tensors) other.tensors["module." + name] = values;
  Model model = other.model("renamed");
  model.prefix = "module.";
  return model;
}

OutputsOptions with(std::vector<TokenBatch> inputs, bool find_mistake = true) {
  OutputsOptions options;
  options.inputs = std::move(inputs);
  options.find_mistake = find_mistake;
  return options;
}

TEST(ProveOutputs, TwoRightModelsAgree) {
  const TinyModel tiny;
  const OutputsProof proof = prove_outputs(tiny.model(), renamed(tiny));
  EXPECT_TRUE(proof.holds()) << outputs::summary(proof);
  EXPECT_EQ(proof.first_beyond(), nullptr);
  std::vector<std::string> names;
  for (const StageDifference& stage : proof.stages) {
    names.push_back(stage.stage);
    EXPECT_LT(stage.relative(), 1e-12) << stage.stage;
    EXPECT_GT(stage.scale, 0.0) << stage.stage;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"embeddings", "layer 0", "layer 1", "layer 2", "pooled", "mlm", "nsp"}));
  EXPECT_TRUE(proof.variants.empty());
  EXPECT_FALSE(proof.rounding.has_value());
  EXPECT_TRUE(proof.mistake.empty());
  EXPECT_EQ(proof.tokens, 1u + 15 + 40 + 24 + 11);
}

TEST(ProveOutputs, AnySingleValueThatDiffersIsFound) {
  const TinyModel tiny;
  for (const auto& [name, values] : tiny.tensors) {
    if (name.ends_with("key.bias")) continue;  // adds the same to every score of a row: no output depends on it
    TinyModel other = tiny;
    std::vector<float>& data = other[name];
    for (float& value : data) value += 1e-3F;
    const OutputsProof proof = prove_outputs(tiny.model(), other.model(), with({}, false));
    EXPECT_FALSE(proof.holds()) << name;
  }
}

TEST(ProveOutputs, ValuesOfPaddingDoNotCount) {
  const TinyModel tiny;
  TokenBatch batch{"mine", 2, 5, {7, 8, 9, 10, 11, 12, 13, 0, 0, 0}, {}, {5, 2}};
  const OutputsProof proof = prove_outputs(tiny.model(), tiny.model(), with({batch}));
  EXPECT_TRUE(proof.holds());
  EXPECT_EQ(proof.tokens, 7u);
}

TEST(ProveOutputs, RoundingIsJudgedApart) {
  const TinyModel tiny;
  for (const DType to : {DType::f16, DType::bf16}) {
    TinyModel narrow = tiny;
    narrow.stored = to;
    const OutputsProof proof = prove_outputs(tiny.model(), narrow.model());
    EXPECT_TRUE(proof.holds()) << outputs::summary(proof);
    for (const StageDifference& stage : proof.stages) EXPECT_LT(stage.relative(), 1e-12) << stage.stage;
    ASSERT_TRUE(proof.rounding.has_value());
    EXPECT_EQ(proof.rounding->to, to);
    EXPECT_GT(proof.rounding->largest, to == DType::f16 ? 1e-4 : 1e-3);
    EXPECT_LT(proof.rounding->largest, to == DType::f16 ? 2e-2 : 2e-1);
    EXPECT_EQ(proof.rounding->allclose, proof.rounding->largest <= 1e-3);
  }
}

TEST(ProveOutputs, RoundingDoesNotHideAMistake) {
  const TinyModel tiny;
  TinyModel narrow = tiny;
  narrow.stored = DType::bf16;
  narrow.swap(TinyModel::layer(1, "attention.self.query.bias"), TinyModel::layer(1, "attention.self.key.bias"));
  const OutputsProof proof = prove_outputs(tiny.model(), narrow.model());
  EXPECT_FALSE(proof.holds());
  EXPECT_TRUE(proof.mistake.starts_with("layer 1: query and key have changed places (biases only)")) << proof.mistake;
}

TEST(ProveOutputs, TheRoundedOneBelongsSecond) {
  const TinyModel tiny;
  TinyModel narrow = tiny;
  narrow.stored = DType::f16;
  const OutputsProof proof = prove_outputs(narrow.model(), tiny.model(), with({}, false));
  EXPECT_FALSE(proof.holds());
  ASSERT_FALSE(proof.notes.empty());
  EXPECT_NE(proof.notes.back().find("name it second"), std::string::npos);
}

TEST(ProveOutputs, ConfigurationsThatContradictEachOtherFail) {
  const TinyModel tiny;
  TinyModel other = tiny;
  other.config["layer_norm_eps"] = "1e-7";
  OutputsProof proof = prove_outputs(tiny.model(), other.model());
  EXPECT_FALSE(proof.holds());
  ASSERT_EQ(proof.contradictions.size(), 1u);
  EXPECT_NE(proof.contradictions[0].find("1e-12"), std::string::npos) << proof.contradictions[0];
  EXPECT_NE(proof.contradictions[0].find("1e-07"), std::string::npos) << proof.contradictions[0];
  EXPECT_TRUE(proof.mistake.starts_with("embeddings, every layer and mlm: the second model's epsilon is 1e-07"))
      << proof.mistake;

  other = tiny;
  other.config["hidden_act"] = "\"gelu_new\"";
  proof = prove_outputs(tiny.model(), other.model());
  EXPECT_FALSE(proof.holds());
  EXPECT_EQ(proof.contradictions.size(), 1u);
  EXPECT_TRUE(proof.mistake.starts_with("every layer and mlm: the second model's activation is gelu (tanh)"))
      << proof.mistake;

  other = tiny;
  other.config["num_attention_heads"] = "2";
  proof = prove_outputs(tiny.model(), other.model());
  EXPECT_FALSE(proof.holds());
  EXPECT_EQ(proof.contradictions.size(), 1u);
  EXPECT_TRUE(proof.mistake.starts_with("every layer: the second model runs with 2 attention heads")) << proof.mistake;
}

TEST(ProveOutputs, WhatAFrameworksCodeFixesIsAVariant) {
  const TinyModel tiny;
  const OutputsProof proof = prove_outputs(tiny.model(), tiny.as_google().model());
  EXPECT_TRUE(proof.holds()) << outputs::summary(proof);
  for (const StageDifference& stage : proof.stages) EXPECT_LT(stage.relative(), 1e-12) << stage.stage;
  ASSERT_EQ(proof.variants.size(), 1u);
  EXPECT_EQ(proof.variants[0].what, "activation");
  EXPECT_TRUE(proof.variants[0].first.starts_with("gelu (erf)")) << proof.variants[0].first;
  EXPECT_TRUE(proof.variants[0].second.starts_with("gelu (tanh)")) << proof.variants[0].second;
  EXPECT_GT(proof.variants[0].effect, 1e-6);
  EXPECT_LT(proof.variants[0].effect, 1e-2);
  EXPECT_FALSE(proof.variants[0].stage.empty());
}

TEST(ProveOutputs, VariantsAreMeasuredOneByOne) {
  TinyModel tiny;
  tiny.config["layer_norm_eps"] = "1e-3";
  const OutputsProof proof = prove_outputs(tiny.as_google().model(), tiny.model());
  EXPECT_TRUE(proof.holds()) << outputs::summary(proof);
  ASSERT_EQ(proof.variants.size(), 2u);
  EXPECT_EQ(proof.variants[0].what, "activation");
  EXPECT_EQ(proof.variants[1].what, "epsilon of the norms");
  TinyModel one = tiny;
  one.config["hidden_act"] = "\"gelu_new\"";
  const OutputsProof alone = prove_outputs(tiny.as_google().model(), one.model());
  ASSERT_EQ(alone.variants.size(), 1u);
  EXPECT_GT(alone.variants[0].effect, proof.variants[0].effect);
  // The other's value is the first's in both, so what is measured is the same.
  EXPECT_NEAR(alone.variants[0].effect, proof.variants[1].effect, 1e-12);
}

TEST(ProveOutputs, AnActivationOfAnotherKindIsNoVariant) {
  const TinyModel tiny;
  TinyModel other = tiny;
  other.config["hidden_act"] = "\"relu\"";
  const OutputsProof proof = prove_outputs(tiny.as_google().model(), other.model());
  EXPECT_FALSE(proof.holds());
  EXPECT_TRUE(proof.variants.empty());
  EXPECT_FALSE(proof.contradictions.empty());
  EXPECT_TRUE(proof.mistake.starts_with("every layer and mlm: the second model's activation is relu")) << proof.mistake;
}

forward::Semantics all_gelu(forward::Said<forward::Activation> encoder, forward::Said<forward::Activation> head) {
  return {encoder, head, {1e-12, false, "a"}, {1e-12, false, "a"}};
}

TEST(ProveOutputs, AHeadWhoseActivationTheCodeFixesIsAVariantAlsoBesideRelu) {
  using forward::Activation;
  const forward::Said<Activation> relu{Activation::relu, false, "a file"}, code{Activation::gelu_erf, true, "the code"};
  const FixedSemantics hf(all_gelu(relu, relu)), gluon(all_gelu(relu, code));
  for (const outputs::Judged& judged : {outputs::judge(hf, gluon, true), outputs::judge(gluon, hf, true)}) {
    EXPECT_TRUE(judged.contradictions.empty());
    ASSERT_EQ(judged.variants.size(), 1u);
    EXPECT_EQ(judged.variants[0].variant.what, "activation of the masked language model's head");
  }
}

TEST(ProveOutputs, ADecoderThatReplacesTheWordEmbeddingsFails) {
  TinyModel tiny;
  const auto words = tiny.tensors.at("bert.embeddings.word_embeddings.weight");
  auto& decoder = tiny.tensors["cls.predictions.decoder.weight"] = words;
  EXPECT_TRUE(prove_outputs(tiny.model(), tiny.model()).holds());
  decoder.data[3 * 16 + 2] += 1;
  const OutputsProof proof = prove_outputs(tiny.model("one"), tiny.model("two"));
  ASSERT_EQ(proof.contradictions.size(), 2u);
  EXPECT_EQ(proof.contradictions[1],
            "two: 'cls.predictions.decoder.weight' is stored with other values than the word embeddings it is tied to "
            "(row 3 is the first): loaded as BertForMaskedLM it replaces them");
  TinyModel body = tiny, untied = tiny;
  body.config["architectures"] = "[\"BertModel\"]";
  const OutputsProof noted = prove_outputs(body.model(), body.model());
  EXPECT_TRUE(noted.holds());
  EXPECT_EQ(noted.notes.size(), 2u);
  untied.config["tie_word_embeddings"] = "false";
  EXPECT_TRUE(prove_outputs(untied.model(), untied.model()).holds());
}

TEST(ProveOutputs, RowsThatNoIdUsesAreCompared) {
  const TinyModel tiny({1, 16, 4, 24, 900, 200, 2});
  for (const auto& [table, row, where] :
       {std::tuple{"word", 1, "row 1 of the word embeddings"},
        std::tuple{"word", 899, "row 899 of the word embeddings"}, std::tuple{"position", 199, "all positions"}}) {
    TinyModel other = tiny;
    other[fmt::format("bert.embeddings.{}_embeddings.weight", table)][static_cast<std::size_t>(row * 16 + 3)] += 0.5f;
    const OutputsProof proof = prove_outputs(tiny.model(), other.model());
    ASSERT_FALSE(proof.holds()) << where;
    EXPECT_EQ(proof.first_beyond()->stage, "embeddings");
    EXPECT_EQ(proof.first_beyond()->batch, where);
  }
}

TEST(ProveOutputs, PairsThatAreTransposedTogetherAreNamed) {
  const TinyModel tiny({3, 16, 4, 16, 50, 40, 2});
  for (const auto& [one, two, what] :
       {std::tuple{"attention.self.query.weight", "attention.self.key.weight", "the weights of query and key"},
        std::tuple{"intermediate.dense.weight", "output.dense.weight",
                   "the weights of feed-forward input and feed-forward output"}}) {
    TinyModel other = tiny;
    other.transpose(TinyModel::layer(1, one));
    other.transpose(TinyModel::layer(1, two));
    EXPECT_TRUE(prove_outputs(tiny.model(), other.model()).mistake.starts_with(fmt::format("layer 1: {} are", what)));
  }
}

TEST(ProveOutputs, AHeadWithoutAPoolerIsANote) {
  TinyModel tiny;
  for (const char* name : {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}) tiny.tensors.erase(name);
  for (const OutputsProof& proof :
       {prove_outputs(TinyModel().model(), tiny.model()), prove_outputs(tiny.model(), tiny.model())}) {
    EXPECT_TRUE(proof.holds());
    EXPECT_EQ(proof.stages.back().stage, "mlm");
    ASSERT_FALSE(proof.notes.empty());
    EXPECT_NE(proof.notes.back().find("the head nsp reads the pooled output, and the"), std::string::npos);
  }
}

TEST(ProveOutputs, NumbersOfLabelsAreCompared) {
  TinyModel three;
  three.tensors["cls.seq_relationship.weight"] = {{3, 16}, std::vector<float>(48, 0.1f)};
  three.tensors["cls.seq_relationship.bias"] = {{3}, std::vector<float>(3, 0.1f)};
  const auto error = testing::error_of([&] { prove_outputs(TinyModel().model("two"), three.model("three")); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), Errc::mismatch);
  EXPECT_NE(std::string(error->what()).find("the head nsp has 3 labels, and that of 'two' has 2"), std::string::npos);
}

TEST(ProveOutputs, AMistakeAcrossDialectsIsNamed) {
  const TinyModel tiny;
  TinyModel wrong = tiny;
  wrong.transpose(TinyModel::layer(2, "attention.self.value.weight"));
  const OutputsProof proof = prove_outputs(tiny.model(), wrong.as_google().model());
  EXPECT_TRUE(proof.mistake.starts_with("layer 2: the weight of value is transposed;")) << proof.mistake;
}

TEST(ProveOutputs, AContradictionFailsEvenWhereNoOutputShowsIt) {
  const TinyModel tiny({}, false);
  TinyModel other = tiny;
  other.config["layer_norm_eps"] = "1.0000000000001e-12";
  const OutputsProof proof = prove_outputs(tiny.model(), other.model());
  EXPECT_EQ(proof.first_beyond(), nullptr);
  EXPECT_FALSE(proof.holds());
  EXPECT_NE(outputs::summary(proof).find("contradict"), std::string::npos);
}

TEST(ProveOutputs, PartsThatOnlyOneHasAreNoted) {
  const TinyModel with;
  TinyModel without({}, false);
  without.tensors.erase("bert.pooler.dense.weight");
  without.tensors.erase("bert.pooler.dense.bias");
  const OutputsProof proof = prove_outputs(with.model(), without.model());
  EXPECT_TRUE(proof.holds());
  EXPECT_EQ(proof.stages.size(), 4u);
  EXPECT_EQ(proof.notes.size(), 3u);
}

TEST(ProveOutputs, ModelsOfDifferentSizesAreRefused) {
  const TinyModel tiny;
  for (const testing::Sizes& sizes :
       {testing::Sizes{2, 16, 4, 24, 50, 40, 2}, testing::Sizes{3, 16, 4, 32, 50, 40, 2},
        testing::Sizes{3, 16, 4, 24, 51, 40, 2}, testing::Sizes{3, 16, 4, 24, 50, 41, 2}}) {
    const auto call = [&] { prove_outputs(tiny.model(), TinyModel(sizes).model("other")); };
    EXPECT_TRUE(testing::refuses(call, Errc::mismatch, "other: is not of the size of 'memory'"));
  }
}

TEST(ProveOutputs, IdsOutOfRangeAreErrors) {
  const TinyModel tiny;
  const auto refused = [&](const TokenBatch& batch, std::string_view text) {
    return testing::refuses([&] { prove_outputs(tiny.model(), tiny.model(), with({batch})); }, Errc::usage, text);
  };
  EXPECT_TRUE(refused({"mine", 1, 2, {3, 50}, {}, {}}, "id 50 (sequence 0, position 1)"));
  EXPECT_TRUE(refused({"mine", 1, 2, {-1, 4}, {}, {}}, "id -1"));
  EXPECT_TRUE(refused({"mine", 1, 41, std::vector<std::int64_t>(41, 5), {}, {}}, "41 tokens are more than the 40"));
  EXPECT_TRUE(refused({"mine", 1, 2, {1, 2}, {0, 2}, {}}, "token type 2"));
  EXPECT_TRUE(refused({"mine", 1, 2, {1, 2}, {}, {3}}, "3 valid tokens"));
  EXPECT_TRUE(refused({"mine", 1, 2, {1, 2}, {}, {0}}, "0 valid tokens"));
  EXPECT_TRUE(refused({"mine", 2, 2, {1, 2}, {}, {}}, "2 ids are not 2 sequences of 2"));
  EXPECT_TRUE(refused({"mine", 0, 0, {}, {}, {}}, "there is no token"));
}

TEST(ProveOutputs, NotANumberEqualsNothing) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    TinyModel tiny;
    tiny[TinyModel::layer(1, "output.dense.bias")][3] = bad;
    const OutputsProof proof = prove_outputs(tiny.model(), tiny.model());
    EXPECT_FALSE(proof.holds());
    ASSERT_NE(proof.first_beyond(), nullptr);
    EXPECT_EQ(proof.first_beyond()->stage, "layer 1");
    EXPECT_TRUE(std::isinf(proof.first_beyond()->largest));
    EXPECT_TRUE(outputs::to_json(proof)["stages"][2]["difference"].is_null());
  }
}

TEST(ProveOutputs, AnAbsoluteGateTakesTheRelativeOnesPlace) {
  const TinyModel tiny;
  TinyModel other = tiny;
  other[TinyModel::layer(0, "output.dense.bias")][0] += 1e-4F;
  OutputsOptions options;
  options.find_mistake = false;
  EXPECT_FALSE(prove_outputs(tiny.model(), other.model(), options).holds());
  options.atol = 1e-2;
  EXPECT_TRUE(prove_outputs(tiny.model(), other.model(), options).holds());
}

TEST(ProveOutputs, StopsAndCountsStages) {
  const TinyModel tiny;
  std::stop_source stop;
  std::uint64_t last = 0, all = 0;
  OutputsOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { last = done, all = total; };
  options.stop = stop.get_token();
  EXPECT_TRUE(prove_outputs(tiny.model(), tiny.model(), options).holds());
  EXPECT_EQ(last, 7u);
  EXPECT_EQ(all, 7u);
  stop.request_stop();
  EXPECT_TRUE(testing::refuses([&] { prove_outputs(tiny.model(), tiny.model(), options); }, Errc::usage, "stopped"));
}

TEST(ProveOutputs, TheLongestThatBothTake) {
  const TinyModel tiny({3, 16, 4, 24, 50, 200, 2});
  OutputsOptions options;
  const std::uint64_t usual = prove_outputs(tiny.model(), tiny.model(), options).tokens;
  options.longest = true;
  EXPECT_EQ(prove_outputs(tiny.model(), tiny.model(), options).tokens, usual + 200);
}

}  // namespace
}  // namespace transload
