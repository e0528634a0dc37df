// Configuration files: read in any dialect's keys, checked, and written as the frameworks write them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mapping/bert_models.h"
#include "transload/mapping.h"

namespace transload {
namespace {

using nlohmann::ordered_json;
using testing::hf_body;
using testing::NamedShape;
using testing::synthetic_index;

const Mapping& bert() { return Mapping::builtin("bert"); }

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}
std::string golden(const std::string& path) {
  return text_of(std::string(TRANSLOAD_TESTS_DIR) + "/golden/tensorflow/" + path);
}

Binding bound(const std::vector<NamedShape>& tensors, const std::optional<std::string>& config = {},
              const std::string& name = "config.json") {
  return bert().bind(synthetic_index(tensors), {.dialect = {}, .config_json = config, .config_name = name, .drop = {}});
}

std::string refusal(const std::vector<NamedShape>& tensors, const std::string& config) {
  try {
    bound(tensors, config);
  } catch (const Error& e) {
    std::string all = e.what();
    for (const std::string& detail : e.details()) all += "\n" + detail;
    return all;
  }
  return "(accepted)";
}

std::vector<NamedShape> with_labels(std::int64_t count, bool pooler = true) {
  auto all = hf_body("bert.", {}, pooler);
  all.push_back({"classifier.weight", {count, 8}});
  all.push_back({"classifier.bias", {count}});
  return all;
}

std::string google_config() { return golden("google_pretraining/bert_config.json"); }

// ---- hostile configurations: the required outcomes of EXPECTED.tsv
// ---------------------------------------------------

TEST(HostileConfig, EachHasItsRequiredOutcome) {
  const std::string folder = std::string(TRANSLOAD_TESTS_DIR) + "/hostile/";
  std::ifstream table(folder + "EXPECTED.tsv");
  ASSERT_TRUE(table);
  const auto model = hf_body("", {.layers = 1, .width = 8, .inner = 16, .positions = 8, .types = 2, .words = 10});
  std::size_t cases = 0;
  for (std::string line; std::getline(table, line);) {
    if (!line.starts_with("config/")) continue;
    ++cases;
    const std::string path = line.substr(0, line.find('\t'));
    std::istringstream fields(line);
    std::string field, required;
    for (int i = 0; i < 4 && std::getline(fields, field, '\t'); ++i) required = field;
    const std::string outcome = refusal(model, text_of(folder + path));
    if (required.starts_with("load")) {
      EXPECT_EQ(outcome, "(accepted)") << path;
    } else {
      EXPECT_NE(outcome, "(accepted)") << path;
      EXPECT_LT(outcome.size(), 1500u) << path;
    }
  }
  EXPECT_EQ(cases, 31u);
}

TEST(ReadConfig, ASizeOfAFloatIsRefusedAlsoWhenWhole) {
  EXPECT_NE(refusal(hf_body(), R"({"model_type": "bert", "hidden_size": 8.0})").find("must be an integer"),
            std::string::npos);
}

TEST(ReadConfig, AContradictionNamesBothSides) {
  const std::string wrong_vocabulary = refusal(hf_body(), R"({"model_type": "bert", "vocab_size": 31})");
  EXPECT_NE(wrong_vocabulary.find("tensor 'embeddings.word_embeddings.weight': has shape [30, 8]; expected [31, 8]"),
            std::string::npos)
      << wrong_vocabulary;
  EXPECT_NE(wrong_vocabulary.find("V = 31 by \"vocab_size\" in config.json"), std::string::npos) << wrong_vocabulary;
  EXPECT_NE(refusal(hf_body(), R"({"model_type": "bert", "num_hidden_layers": 3})")
                .find("\"num_hidden_layers\" in config.json = 3, but the tensors' names show 2 layers"),
            std::string::npos);
  EXPECT_NE(refusal(hf_body(), R"({"model_type": "bert", "num_attention_heads": 3})").find("does not divide"),
            std::string::npos);
  EXPECT_NE(refusal(hf_body(), R"({"model_type": "bert", "position_embedding_type": "relative_key"})").find("lack"),
            std::string::npos);
}

TEST(ReadConfig, EitherDialectsFileIsToldByItsKeys) {
  EXPECT_EQ(bound(hf_body(), google_config()).config.at("norm_epsilon"), "1e-12");
  EXPECT_EQ(bound(hf_body(), R"({"model_type": "bert", "layer_norm_eps": 1e-5})").config.at("norm_epsilon"), "1e-05");
  EXPECT_NE(refusal(hf_body(), R"({"some": 1})").find("none of the keys of a bert configuration"), std::string::npos);
}

// ---- writing
// ---------------------------------------------------------------------------------------------------------

TEST(WriteConfig, FromGooglesFileItIsWhatTransformersWrites) {
  auto expected = ordered_json::parse(golden("heads/BertModel/config.json"));
  expected.erase("transformers_version");
  const Binding binding = bound(hf_body(), google_config(), "bert_config.json");
  EXPECT_EQ(bert().config_file(binding, "hf", DType::f32, {}), expected.dump(2) + "\n");
}

TEST(WriteConfig, GooglesFileIsByteIdenticalToItsOwn) {
  for (const std::string head : {"BertModel", "BertForPreTraining"}) {
    const Binding binding = bound(hf_body(), golden("heads/" + head + "/config.json"));
    EXPECT_EQ(bert().config_file(binding, "tf1", DType::f32, {}), google_config());
  }
}

TEST(WriteConfig, TheSourcesOwnFileIsKept) {
  const std::string base = golden("google_classifier/config.json");
  const auto written = ordered_json::parse(bert().config_file(bound(with_labels(3), base), "hf", DType::f16, base));
  EXPECT_EQ(written["id2label"], (ordered_json{{"0", "a"}, {"1", "b"}, {"2", "c"}}));
  EXPECT_EQ(written["torch_dtype"], "float16");
  EXPECT_EQ(written["architectures"], (ordered_json{"BertForSequenceClassification"}));
  EXPECT_FALSE(written.contains("transformers_version"));
}

TEST(WriteConfig, LabelsAreWrittenUnlessThereAreTwo) {
  const auto write = [](std::int64_t labels) {
    return bert().config_file(bound(with_labels(labels), google_config()), "hf", DType::f32, {});
  };
  EXPECT_EQ(write(2).find("id2label"), std::string::npos);
  const std::string eleven = write(11);
  const auto json = ordered_json::parse(eleven);
  std::vector<std::string> ids, names;
  for (const auto& [id, name] : json["id2label"].items()) ids.push_back(id);
  for (const auto& [name, id] : json["label2id"].items()) names.push_back(name);
  EXPECT_EQ(ids, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}));
  EXPECT_EQ(names[1], "LABEL_1");
  EXPECT_EQ(names[2], "LABEL_10");
}

TEST(WriteConfig, ArchitecturesFollowTheParts) {
  const auto classes = [](const std::vector<NamedShape>& tensors, std::string config = google_config()) {
    return ordered_json::parse(bert().config_file(bound(tensors, config), "hf", DType::f32, {}))["architectures"]
        .at(0)
        .get<std::string>();
  };
  EXPECT_EQ(classes(hf_body("", {}, false)), "BertModel");
  auto mlm = hf_body("bert.", {}, false);
  testing::add_mlm_head(mlm, false);
  EXPECT_EQ(classes(mlm), "BertForMaskedLM");
  EXPECT_EQ(classes(with_labels(3)), "BertForSequenceClassification");
  EXPECT_EQ(classes(with_labels(3, false)), "BertForTokenClassification");
  EXPECT_EQ(classes(with_labels(1),
                    R"({"model_type": "bert", "num_attention_heads": 2, "architectures": ["BertForMultipleChoice"]})"),
            "BertForMultipleChoice");
  EXPECT_EQ(classes(with_labels(3),
                    R"({"model_type": "bert", "num_attention_heads": 2, "architectures": ["BertForMaskedLM"]})"),
            "BertForSequenceClassification");
}

TEST(WriteConfig, WhatTheTensorsDoNotShowIsAskedFor) {
  try {
    bert().config_file(bound(hf_body()), "hf", DType::f32, {});
    FAIL() << "not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::unmapped);
    EXPECT_NE(e.message().find("\"num_attention_heads\", \"hidden_act\""), std::string::npos) << e.what();
    EXPECT_NE(e.advice().find("--config"), std::string::npos);
  }
}

TEST(WriteConfig, AnActivationThatGoogleLacksIsRefused) {
  const Binding binding = bound(hf_body(), R"({"model_type": "bert", "num_attention_heads": 2, "hidden_act": "silu"})");
  EXPECT_THROW(bert().config_file(binding, "tf1", DType::f32, {}), Error);
  const Binding exact =
      bound(hf_body(), R"({"model_type": "bert", "num_attention_heads": 2, "hidden_act": "gelu_new"})");
  EXPECT_EQ(ordered_json::parse(bert().config_file(exact, "tf1", DType::f32, {}))["hidden_act"], "gelu");
}

// ---- what a framework's code fixes
// -----------------------------------------------------------------------------------

TEST(Notices, SayWhatCannotBeKept) {
  const testing::IndexOnlyReader reader(synthetic_index(hf_body()));
  const auto notes = [&](const std::string& config) {
    const Binding binding =
        bert().bind(reader.index(), {.dialect = {}, .config_json = config, .config_name = {}, .drop = {}});
    std::string all;
    for (const std::string& note : bert().plan(reader, "", binding, "tf1").notes) all += note + "\n";
    return all;
  };
  const std::string both = notes(R"({"model_type": "bert", "layer_norm_eps": 1e-5, "hidden_act": "gelu"})");
  EXPECT_NE(both.find("layer_norm_eps 1e-05 cannot be kept: Google's BERT code fixes 1e-12"), std::string::npos)
      << both;
  EXPECT_NE(both.find("HF 'gelu' is exact (erf)"), std::string::npos) << both;
  EXPECT_EQ(notes(R"({"model_type": "bert", "hidden_act": "gelu_new"})"), "");
}

}  // namespace
}  // namespace transload
