// Which tensors the graphs of transformers' models read, and when they refuse: models made in memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "forward/run.h"
#include "support/errors.h"
#include "support/memory_reader.h"

namespace transload::forward {
namespace {

using nlohmann::json;
using testing::refuses;

// A BERT or RoBERTa of one layer, width 4, with every value another one.
class Builder {
 public:
  explicit Builder(std::string family = "bert", std::string root = "bert.") : family_(std::move(family)) {
    config_ = {{"num_attention_heads", 2}, {"hidden_act", "gelu"}, {"layer_norm_eps", 1e-5}};
    add(root + "embeddings.word_embeddings.weight", {9, 4});
    add(root + "embeddings.position_embeddings.weight", {6, 4});
    add(root + "embeddings.token_type_embeddings.weight", {2, 4});
    norm(root + "embeddings.LayerNorm");
    const std::string layer = root + "encoder.layer.0.";
    for (const char* name :
         {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"}) {
      dense(layer + name, 4, 4);
    }
    norm(layer + "attention.output.LayerNorm");
    dense(layer + "intermediate.dense", 6, 4);
    dense(layer + "output.dense", 4, 6);
    norm(layer + "output.LayerNorm");
  }
  Builder& add(const std::string& name, Shape shape) {
    tensors_.push_back({name, std::move(shape)});
    return *this;
  }
  Builder& dense(const std::string& name, std::int64_t out, std::int64_t in) {
    return add(name + ".weight", {out, in}).add(name + ".bias", {out});
  }
  Builder& norm(const std::string& name) { return add(name + ".weight", {4}).add(name + ".bias", {4}); }
  Builder& without(const std::string& name) {
    std::erase_if(tensors_, [&](const auto& tensor) { return tensor.first == name; });
    return *this;
  }
  Builder& say(const std::string& key, json value) {
    config_[key] = std::move(value);
    return *this;
  }

  std::unique_ptr<Graph> graph() const {
    testing::MemoryCheckpoint checkpoint;
    float next = 0.01f;
    for (const auto& [name, shape] : tensors_) {
      std::vector<float> values(element_count(shape));
      for (float& value : values) value = next += 0.37f - (next > 1 ? 2 : 0);
      checkpoint.add(name, DType::f32, shape, values);
    }
    return make_graph({checkpoint.reader(), "memory", family_, "hf", "", config_.dump(), "config.json"});
  }
  std::vector<Head> heads() const {
    const auto made = graph();
    return {made->heads().begin(), made->heads().end()};
  }

 private:
  std::string family_;
  std::vector<std::pair<std::string, Shape>> tensors_;
  json config_;
};

using Heads = std::vector<Head>;

TEST(HfBert, IsFoundWithAndWithoutItsRoot) {
  EXPECT_EQ(Builder("bert", "bert.").graph()->sizes().layers, 1);
  EXPECT_EQ(Builder("bert", "").graph()->sizes().layers, 1);
  EXPECT_EQ(Builder("bert", "").graph()->sizes().inner, 6);
}

TEST(HfBert, ArchitecturesTellWhatTheClassifierReads) {
  Builder bert;
  bert.dense("classifier", 3, 4);
  EXPECT_EQ(bert.heads(), Heads{Head::token_classifier});  // there is no pooler that it could read
  bert.dense("bert.pooler.dense", 4, 4);
  EXPECT_EQ(bert.heads(), Heads{Head::classifier});
  EXPECT_TRUE(bert.graph()->classifier_reads_pooled(Head::classifier));
  bert.say("architectures", {"BertForTokenClassification"});
  EXPECT_EQ(bert.heads(), Heads{Head::token_classifier});
  EXPECT_FALSE(bert.graph()->classifier_reads_pooled(Head::token_classifier));
}

TEST(HfBert, AHalfStoredHeadIsAnError) {
  Builder bert;
  bert.add("cls.predictions.bias", {9});
  EXPECT_EQ(bert.heads(), Heads{Head::mlm});
  EXPECT_TRUE(refuses([&] { bert.graph()->masked_lm(); }, Errc::unmapped, "cls.predictions.transform.dense.weight"));
}

TEST(HfBert, TheOutputMatrixIsTheWordEmbeddingsUnlessItIsStored) {
  Builder bert;
  bert.dense("cls.predictions.transform.dense", 4, 4)
      .norm("cls.predictions.transform.LayerNorm")
      .add("cls.predictions.bias", {9});
  const std::vector<std::int64_t> rows{2, 3};
  EXPECT_EQ(bert.graph()->decoder_rows(2, 2).values, bert.graph()->embeddings(rows).words.values);
  EXPECT_TRUE(refuses([&] { Builder(bert).say("tie_word_embeddings", false).graph(); }, Errc::unmapped,
                      "cls.predictions.decoder.weight"));
  bert.add("cls.predictions.decoder.weight", {9, 4});
  EXPECT_NE(bert.graph()->decoder_rows(2, 2).values, bert.graph()->embeddings(rows).words.values);
  EXPECT_EQ(bert.graph()->decoder_rows(2, 2).name, "cls.predictions.decoder.weight");
}

TEST(HfBert, NamesWhatIsMissing) {
  Builder bert;
  bert.without("bert.encoder.layer.0.output.dense.bias");
  const auto graph = bert.graph();
  EXPECT_TRUE(refuses([&] { graph->layer(0); }, Errc::unmapped, "bert.encoder.layer.0.output.dense.bias"));
  EXPECT_TRUE(refuses([] { Builder().without("bert.embeddings.token_type_embeddings.weight").graph(); }, Errc::unmapped,
                      "token_type_embeddings"));
}

TEST(HfBert, AMissingLayerIsNotTheLastOne) {
  Builder bert;
  bert.dense("bert.encoder.layer.2.output.dense", 4, 6);
  const auto graph = bert.graph();
  EXPECT_EQ(graph->sizes().layers, 3);
  EXPECT_TRUE(refuses([&] { graph->layer(1); }, Errc::unmapped, "bert.encoder.layer.1."));
}

TEST(HfBert, RefusesWhatItDoesNotRun) {
  EXPECT_TRUE(refuses([] { Builder().say("position_embedding_type", "relative_key_query").graph(); }, Errc::unsupported,
                      "relative_key_query"));
  EXPECT_TRUE(refuses([] { Builder().say("is_decoder", true).graph(); }, Errc::unsupported, "decoder"));
  EXPECT_TRUE(refuses([] { Builder().say("hidden_act", "quick_gelu").graph(); }, Errc::unsupported, "quick_gelu"));
  EXPECT_TRUE(refuses([] { Builder().say("model_type", "roberta").graph(); }, Errc::mismatch, "roberta"));
  EXPECT_TRUE(refuses([] { Builder().dense("bert.encoder.layer.0.crossattention.self.query", 4, 4).graph(); },
                      Errc::unsupported, "cross attention"));
}

TEST(HfRoberta, CountsPositionsFromThePadding) {
  const auto graph = Builder("roberta", "roberta.").graph();
  EXPECT_EQ(graph->sizes().positions, 4);
  const TokenBatch batch{"", 2, 4, {0, 5, 1, 6, 7, 2, 1, 1}, {}, {}};
  EXPECT_EQ(graph->positions(batch), (std::vector<std::int64_t>{2, 3, 1, 4, 2, 3, 1, 1}));
}

TEST(HfRoberta, TakesThePaddingFromItsConfiguration) {
  const auto graph = Builder("roberta", "roberta.").say("pad_token_id", 0).graph();
  EXPECT_EQ(graph->sizes().positions, 5);
  EXPECT_EQ(graph->positions({"", 1, 3, {1, 0, 1}, {}, {}}), (std::vector<std::int64_t>{1, 0, 2}));
  EXPECT_TRUE(refuses([] { Builder("roberta", "").say("pad_token_id", 6).graph(); }, Errc::mismatch, "pad_token_id"));
  EXPECT_TRUE(refuses([] { Builder("roberta", "").say("pad_token_id", nullptr).graph(); }, Errc::unsupported, "null"));
}

TEST(HfRoberta, ItsHeadCallsGeluWhateverTheConfigurationSays) {
  const auto graph = Builder("roberta", "").say("hidden_act", "relu").graph();
  EXPECT_EQ(graph->semantics().activation.value, Activation::relu);
  EXPECT_EQ(graph->semantics().head_activation.value, Activation::gelu_erf);
  EXPECT_TRUE(graph->semantics().head_activation.by_code);
}

TEST(HfRoberta, ItsClassifierReadsTheFirstToken) {
  Builder roberta("roberta", "roberta.");
  roberta.dense("classifier.dense", 4, 4).dense("classifier.out_proj", 3, 4);
  EXPECT_EQ(roberta.heads(), Heads{Head::classifier});
  const auto graph = roberta.graph();
  EXPECT_FALSE(graph->classifier_reads_pooled(Head::classifier));
  const auto stages = run(*graph, {"", 2, 3, {0, 4, 2, 0, 5, 2}, {}, {}});
  EXPECT_EQ(stages.back().name, "classifier");
  EXPECT_EQ(stages.back().values.rows, 2);
  EXPECT_EQ(stages.back().values.width, 3);
}

TEST(Run, RefusesWhatTheModelDoesNotTake) {
  const auto graph = Builder().graph();
  EXPECT_EQ(run(*graph, {"", 1, 2, {8, 0}, {1, 0}, {}}).size(), 2u);
  EXPECT_TRUE(refuses([&] { run(*graph, {"", 1, 2, {9, 0}, {}, {}}); }, Errc::usage, "vocabulary of 9"));
  EXPECT_TRUE(refuses([&] { run(*graph, {"", 1, 2, {8, 0}, {2, 0}, {}}); }, Errc::usage, "type"));
  EXPECT_TRUE(refuses([&] { run(*graph, {"", 1, 7, std::vector<std::int64_t>(7), {}, {}}); }, Errc::usage, "7 tokens"));
}

TEST(CanRun, ByFamilyAndDialect) {
  EXPECT_TRUE(can_run("bort", "gluon"));
  EXPECT_TRUE(can_run("bert", "tf1"));
  EXPECT_FALSE(can_run("bort", "tf1"));
  EXPECT_FALSE(can_run("roberta", "tf1"));
  EXPECT_FALSE(can_run("gpt2", "hf"));
  EXPECT_TRUE(refuses([] { make_graph({nullptr, "x", "gpt2", "hf", "", "", ""}); }, Errc::unsupported, "gpt2"));
}

}  // namespace
}  // namespace transload::forward
