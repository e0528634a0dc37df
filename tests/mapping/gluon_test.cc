// GluonNLP's dialect, on files of the real MXNet and GluonNLP: names, shapes and digests that the real transformers
// agreed on, the way back byte by byte, and what is asked for or refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mapping/plan_checks.h"
#include "support/files.h"
#include "support/synthetic.h"
#include "transload/mapping.h"
#include "transload/run.h"

namespace transload {
namespace {

using nlohmann::ordered_json;
using testing::drop_reason;
using testing::golden;
using testing::IndexOnlyReader;
using testing::NamedShape;
using testing::read_file;
using testing::slot_named;
using testing::synthetic_index;

constexpr const char* kBort = R"({"num_layers": 2, "units": 32, "hidden_size": 24, "max_length": 16, "num_heads": 4,
                                  "layer_norm_eps": 1e-5, "token_type_vocab_size": 2})";
constexpr const char* kBert = R"({"num_layers": 2, "units": 32, "hidden_size": 48, "max_length": 16, "num_heads": 4,
                                  "layer_norm_eps": null, "token_type_vocab_size": 2})";
constexpr const char* kRoberta = R"({"num_layers": 2, "units": 32, "hidden_size": 48, "max_length": 16, "num_heads": 4,
                                     "layer_norm_eps": 1e-5})";

struct Case {
  const char *folder, *file, *expected, *family, *config;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.folder; }

std::shared_ptr<Reader> open_case(const Case& each) {
  return open(locate((golden("mxnet") / each.folder / each.file).string()));
}

BindOptions with(const std::string& config) {
  return {.dialect = {}, .config_json = config, .config_name = "F", .drop = {}};
}

bool notes(const std::vector<std::string>& all, const std::string& text) {
  return std::ranges::any_of(all, [&](const std::string& note) { return note.find(text) != note.npos; });
}

class Gluon : public ::testing::TestWithParam<Case> {};

TEST_P(Gluon, BecomesWhatTransformersHas) {
  const std::shared_ptr<Reader> source = open_case(GetParam());
  const Detected detected =
      detect(source->index(), {.family = {}, .dialect = {}, .to_dialect = "hf", .config_json = GetParam().config});
  EXPECT_EQ(detected.family, GetParam().family);
  EXPECT_EQ(detected.dialect, "gluon");
  const Mapping& mapping = Mapping::builtin(detected.family);
  const Binding binding = mapping.bind(source->index(), with(GetParam().config));
  const std::shared_ptr<Reader> output = view(mapping.plan(*source, "source", binding, "hf"), {source});

  const auto expected =
      ordered_json::parse(read_file(golden("mxnet") / GetParam().expected / "hf_expected_tensors.json"));
  std::size_t found = 0;
  for (const auto& [name, tensor] : expected.items()) {
    if (name.ends_with("decoder.weight")) continue;  // tied: written once
    // The class without a head has no root before its names.
    const TensorInfo* own = output->index().find(name);
    if (own == nullptr) own = output->index().find(name.substr(name.find('.') + 1));
    ASSERT_NE(own, nullptr) << name;
    EXPECT_EQ(own->shape, tensor["shape"].get<Shape>()) << name;
    const char* digest = own->dtype == DType::f16 ? "sha256_f16" : "sha256_f32";
    EXPECT_EQ(tensor_digest(*output, *own), tensor[digest].get<std::string>()) << name;
    ++found;
  }
  EXPECT_EQ(found, output->index().tensors.size());
}

TEST_P(Gluon, WayBackIsTheFileOfSaveParameters) {
  const Case& original = GetParam();
  const std::shared_ptr<Reader> source = open_case(original);
  const Mapping& mapping = Mapping::builtin(original.family);
  const Binding there = mapping.bind(source->index(), with(original.config));
  const std::shared_ptr<Reader> hf = view(mapping.plan(*source, "source", there, "hf"), {source});
  const std::string config = mapping.config_file(there, "hf", DType::f32, {});
  const Plan back = mapping.plan(*hf, "hf", mapping.bind(hf->index(), with(config)), "gluon");

  // The same model as save_parameters() has it; its arrays in its order.
  const std::shared_ptr<Reader> twin = open(locate((golden("mxnet") / original.expected).string()));
  const std::shared_ptr<Reader> output = view(back, {hf});
  ASSERT_EQ(output->index().tensors.size(), twin->index().tensors.size());
  for (std::size_t i = 0; i < twin->index().tensors.size(); ++i) {
    const TensorInfo &own = output->index().tensors[i], &other = twin->index().tensors[i];
    EXPECT_EQ(own.name, other.name);
    EXPECT_EQ(own.shape, other.shape) << own.name;
    EXPECT_EQ(own.dtype, other.dtype) << own.name;
    EXPECT_EQ(tensor_digest(*output, own), tensor_digest(*twin, other)) << own.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Gluon,
    ::testing::Values(Case{"bort_tiny_fp32", "bort.params", "bort_tiny_fp32", "bort", kBort},
                      Case{"bort_tiny_fp16", "bort.params", "bort_tiny_fp16", "bort", kBort},
                      Case{"bort_tiny_decoder", "bort.params", "bort_tiny_decoder", "bort", kBort},
                      Case{"bort_tiny_decoder_dedup_mx191", "bort.params", "bort_tiny_decoder", "bort", kBort},
                      Case{"bort_tiny_export", "bort-0007.params", "bort_tiny_fp32", "bort", kBort},
                      Case{"bort_tiny_flatnames", "bort.params", "bort_tiny_fp32", "bort", kBort},
                      Case{"bert_tiny", "bert.params", "bert_tiny", "bert", kBert},
                      Case{"roberta_tiny", "roberta.params", "roberta_tiny", "roberta", kRoberta}));

// ---- checkpoints of names and shapes --------------------------------------------------------------------------------

struct Sizes {
  std::int64_t layers = 2, width = 8, inner = 6, positions = 16, words = 30, types = 0;
};

std::vector<NamedShape> body(const Sizes& s = {}, const std::string& root = "") {
  std::vector<NamedShape> all;
  const auto add = [&](const std::string& name, Shape shape) {
    all.push_back({root + name, std::move(shape), DType::f32});
  };
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".gamma", {s.width});
    add(name + ".beta", {s.width});
  };
  add("encoder.position_weight", {s.positions, s.width});
  norm("encoder.layer_norm");
  for (std::int64_t i = 0; i < s.layers; ++i) {
    const std::string cell = "encoder.transformer_cells." + std::to_string(i) + ".";
    linear(cell + "attention_cell.proj_query", s.width, s.width);
    linear(cell + "attention_cell.proj_key", s.width, s.width);
    linear(cell + "attention_cell.proj_value", s.width, s.width);
    linear(cell + "proj", s.width, s.width);
    linear(cell + "ffn.ffn_1", s.width, s.inner);
    linear(cell + "ffn.ffn_2", s.inner, s.width);
    norm(cell + "ffn.layer_norm");
    norm(cell + "layer_norm");
  }
  add("word_embed.0.weight", {s.words, s.width});
  if (s.types > 0) add("token_type_embed.0.weight", {s.types, s.width});
  return all;
}

void add_decoder(std::vector<NamedShape>& all, const Sizes& s = {}) {
  all.push_back({"decoder.0.weight", {s.width, s.width}});
  all.push_back({"decoder.0.bias", {s.width}});
  all.push_back({"decoder.2.gamma", {s.width}});
  all.push_back({"decoder.2.beta", {s.width}});
  all.push_back({"decoder.3.weight", {s.words, s.width}});
  all.push_back({"decoder.3.bias", {s.words}});
}

Detected detected(const std::vector<NamedShape>& tensors, const std::optional<std::string>& config = {}) {
  return detect(synthetic_index(tensors), {.family = {}, .dialect = {}, .to_dialect = {}, .config_json = config});
}

Error refusal(const std::vector<NamedShape>& tensors, const std::string& config, const std::string& family = "bort") {
  try {
    Mapping::builtin(family).bind(synthetic_index(tensors), with(config));
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return {Errc::usage, ""};
}

std::string all_of(const Error& error) {
  std::string text = error.what();
  for (const std::string& detail : error.details()) text += "\n" + detail;
  return text;
}

TEST(GluonFamily, TokenTypesInTheFileMakeItABert) {
  EXPECT_EQ(detected(body({.types = 2})).family, "bert");
  EXPECT_EQ(detected(body({.types = 2})).undecided, std::vector<std::string>());
}

TEST(GluonFamily, BortAndRobertaHaveTheSameNames) {
  const Detected found = detected(body());
  EXPECT_EQ(found.family, "");
  EXPECT_EQ(found.undecided, (std::vector<std::string>{"bort", "roberta"}));
  EXPECT_EQ(detected(body(), R"({"num_heads": 2, "token_type_vocab_size": 2})").family, "bort");
  const Detected lacking = detected(body(), R"({"num_heads": 2, "layer_norm_eps": 1e-5})");
  EXPECT_EQ(lacking.family, "roberta");
  EXPECT_NE(lacking.note.find("token_type_vocab_size"), std::string::npos) << lacking.note;
}

TEST(GluonFamily, ADecoderTellsNothing) {
  std::vector<NamedShape> tensors = body();
  add_decoder(tensors);
  EXPECT_EQ(detected(tensors).undecided, (std::vector<std::string>{"bort", "roberta"}));
}

TEST(GluonFamily, PublishedSizesDecide) {
  const Sizes bort{.layers = 4, .width = 1024, .inner = 768, .positions = 512, .words = 50265, .types = 0};
  const Sizes roberta{.layers = 12, .width = 768, .inner = 3072, .positions = 512, .words = 50265, .types = 0};
  EXPECT_EQ(detected(body(bort)).family, "bort");
  EXPECT_EQ(detected(body(roberta)).family, "roberta");
  // alexa/bort's own dictionary has no token_type_vocab_size.
  EXPECT_EQ(detected(body(bort), R"({"num_layers": 4, "units": 1024, "num_heads": 8})").family, "bort");
  const Binding binding = Mapping::builtin("bort").bind(synthetic_index(body(bort)), {});
  EXPECT_EQ(binding.config.at("A"), "8");
  EXPECT_EQ(binding.config.at("norm_epsilon"), "1e-05");
  EXPECT_TRUE(notes(binding.notes, "the sizes are those of bort_4_8_768_1024"));
  const Sizes base{.layers = 12, .width = 768, .inner = 3072, .positions = 512, .words = 30522, .types = 2};
  EXPECT_EQ(Mapping::builtin("bert").bind(synthetic_index(body(base)), {}).config.at("norm_epsilon"), "1e-12");
  const Sizes ernie{.layers = 12, .width = 768, .inner = 3072, .positions = 513, .words = 18000, .types = 2};
  EXPECT_EQ(Mapping::builtin("bert").bind(synthetic_index(body(ernie)), {}).config.at("activation"), "\"relu\"");
}

TEST(GluonFamily, AConfigurationWinsOverPublishedSizes) {
  const Sizes bort{.layers = 4, .width = 1024, .inner = 768, .positions = 512, .words = 50265, .types = 0};
  const Binding binding =
      Mapping::builtin("bort").bind(synthetic_index(body(bort)), with(R"({"num_heads": 16, "units": 1024})"));
  EXPECT_EQ(binding.config.at("A"), "16");
  EXPECT_FALSE(binding.config.contains("norm_epsilon"));  // not known, so not guessed
}

TEST(GluonFamily, AHuggingFaceFolderIsABortByItsPaddingAndTokenTypes) {
  const auto hf = [](const std::string& config) {
    const IndexOnlyReader gluon(synthetic_index(body()));
    const Mapping& bort = Mapping::builtin("bort");
    const Plan plan = bort.plan(gluon, "", bort.bind(gluon.index(), {}), "hf");
    std::vector<NamedShape> tensors;
    for (const Slot& slot : plan.slots) tensors.push_back({slot.name, slot.shape, slot.dtype});
    return detected(tensors, config).family;
  };
  EXPECT_EQ(hf(R"({"model_type": "bert", "type_vocab_size": 1, "pad_token_id": 1})"), "bort");
  EXPECT_EQ(hf(R"({"model_type": "bert", "type_vocab_size": 1, "pad_token_id": 0})"), "bert");
  EXPECT_EQ(hf(R"({"model_type": "roberta", "type_vocab_size": 1, "pad_token_id": 1})"), "roberta");
  EXPECT_EQ(hf(R"({"model_type": "xlm-roberta"})"), "");
}

TEST(GluonNames, AClassifierIsReadBehindItsModel) {
  std::vector<NamedShape> tensors = body({}, "bort.");
  tensors.push_back({"classifier.1.weight", {8, 8}});
  tensors.push_back({"classifier.1.bias", {8}});
  tensors.push_back({"classifier.3.weight", {3, 8}});
  tensors.push_back({"classifier.3.bias", {3}});
  const IndexOnlyReader reader(synthetic_index(tensors));
  const Mapping& bort = Mapping::builtin("bort");
  const Binding binding = bort.bind(reader.index(), with(R"({"num_heads": 2, "layer_norm_eps": 1e-5})"));
  EXPECT_EQ(binding.root, "bort.");
  const Plan plan = bort.plan(reader, "", binding, "hf");
  ASSERT_NE(slot_named(plan, "bert.pooler.dense.weight"), nullptr);
  EXPECT_EQ(slot_named(plan, "bert.pooler.dense.weight")->pieces[0].tensor, "classifier.1.weight");
  EXPECT_EQ(slot_named(plan, "classifier.bias")->pieces[0].tensor, "classifier.3.bias");
  const Plan same = bort.plan(reader, "", binding, "gluon");
  ASSERT_EQ(same.slots.size(), tensors.size());
  for (const Slot& slot : same.slots) EXPECT_EQ(slot.name, slot.pieces[0].tensor);
}

TEST(GluonNames, ATwiceStoredDecoderMustBeTheSame) {
  std::vector<NamedShape> tensors = body();
  add_decoder(tensors);
  const IndexOnlyReader reader(synthetic_index(tensors));
  const Mapping& roberta = Mapping::builtin("roberta");
  for (const char* to : {"hf", "gluon"}) {
    const Plan plan = roberta.plan(reader, "", roberta.bind(reader.index(), {}), to);
    ASSERT_EQ(plan.equals.size(), 1u) << to;
    EXPECT_EQ(plan.equals[0].kept, "word_embed.0.weight");
    EXPECT_EQ(plan.equals[0].dropped, "decoder.3.weight");
  }
}

TEST(GluonNames, AListWithoutNamesSaysSo) {
  std::vector<NamedShape> tensors = body();
  for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i].name = std::to_string(i);
  EXPECT_NE(all_of(refusal(tensors, kBort)).find("a list of arrays without names"), std::string::npos);
}

TEST(GluonRefusal, WhatIsWrongIsNamed) {
  const std::string config = R"({"num_heads": 2, "layer_norm_eps": 1e-5})";
  auto tensors = body({.layers = 3});
  std::erase_if(tensors, [](const NamedShape& each) { return each.name.starts_with("encoder.transformer_cells.1."); });
  EXPECT_NE(all_of(refusal(tensors, config)).find("layer 1 is missing"), std::string::npos);

  tensors = body();
  for (NamedShape& each : tensors) {
    if (each.name == "encoder.transformer_cells.0.ffn.ffn_1.weight") std::swap(each.shape[0], each.shape[1]);
  }
  const std::string swapped = all_of(refusal(tensors, R"({"num_heads": 2, "units": 8, "hidden_size": 6})"));
  EXPECT_NE(swapped.find("ffn.ffn_1.weight"), std::string::npos) << swapped;
  EXPECT_NE(swapped.find("has shape [8, 6]; expected [6, 8]"), std::string::npos) << swapped;

  EXPECT_NE(all_of(refusal(body(), R"({"num_heads": 2, "vocab_size": 31, "units": 8})")).find("V = 31"),
            std::string::npos);
  EXPECT_NE(all_of(refusal(body(), R"({"num_heads": 3, "units": 8})")).find("does not divide"), std::string::npos);
  EXPECT_NE(all_of(refusal(body(), R"({"num_heads": 2, "max_length": 512})")).find("P = 512"), std::string::npos);
}

TEST(GluonRefusal, AnotherGraphIsNoConversion) {
  for (const char* entry : {R"("scaled": false)", R"("use_residual": false)", R"("attention_cell": "scaled_luong")",
                            R"("embed_size": 4)"}) {
    const Error error = refusal(body(), std::string(R"({"num_heads": 2, "units": 8, )") + entry + "}");
    EXPECT_EQ(error.code(), Errc::mismatch) << entry;
    EXPECT_NE(all_of(error).find(std::string(entry).substr(0, std::string(entry).find(':'))), std::string::npos)
        << all_of(error);
  }
}

TEST(GluonRefusal, WhatTheTensorsDoNotShowIsAskedForInBothDialects) {
  const Mapping& bort = Mapping::builtin("bort");
  try {
    bort.config_file(bort.bind(synthetic_index(body()), {}), "hf", DType::f32, {});
    FAIL() << "not refused";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("\"num_attention_heads\" (\"num_heads\" for GluonNLP)"), std::string::npos) << e.what();
    EXPECT_NE(e.advice().find("--config"), std::string::npos);
  }
}

// A Hugging Face model of this family and its plan towards `to`; `more` is added to its configuration.
Plan from_hf(const std::string& family, const std::string& to, const std::string& more, bool decoder = false,
             bool with_ties = true) {
  std::vector<NamedShape> gluon = body({.types = family == "bert" ? 2 : 0});
  add_decoder(gluon);
  const IndexOnlyReader source(synthetic_index(gluon));
  const Mapping& mapping = Mapping::builtin(family);
  const Binding there = mapping.bind(source.index(), with(R"({"num_heads": 2, "layer_norm_eps": 1e-5})"));
  std::vector<NamedShape> tensors;
  for (const Slot& slot : mapping.plan(source, "", there, "hf").slots) {
    tensors.push_back({slot.name, slot.shape, slot.dtype});
  }
  if (decoder) {
    const std::string name = family == "roberta" ? "lm_head.decoder.weight" : "cls.predictions.decoder.weight";
    tensors.push_back({name, {30, 8}, DType::f32});
  }
  const IndexOnlyReader reader(synthetic_index(tensors));
  const std::string config = R"({"model_type": ")" + std::string(family == "roberta" ? "roberta" : "bert") + "\"" +
                             (more.empty() ? "" : ", " + more) + "}";
  return mapping.plan(reader, "there", mapping.bind(reader.index(), with(config)), to, {}, with_ties);
}

Error no_plan(const std::string& family, const std::string& to, const std::string& more) {
  try {
    from_hf(family, to, more);
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << family << " to " << to << " with " << more << " was not refused";
  return Error(Errc::usage, "");
}

TEST(GluonRefusal, PositionsAreNotShiftedWhereAnotherTokenPads) {
  const Error error = no_plan("roberta", "gluon", R"("pad_token_id": 3)");
  EXPECT_EQ(error.code(), Errc::unsupported);
  EXPECT_NE(error.message().find("\"pad_token_id\" is 3, and GluonNLP"), std::string::npos) << error.what();
  EXPECT_NE(error.advice().find("--config"), std::string::npos);
  EXPECT_FALSE(from_hf("roberta", "gluon", R"("pad_token_id": 1)").slots.empty());
  EXPECT_FALSE(from_hf("roberta", "gluon", "").slots.empty());
  EXPECT_FALSE(from_hf("roberta", "hf", R"("pad_token_id": 3)").slots.empty());
}

TEST(GluonRefusal, ACausalDecoderIsNoBidirectionalModel) {
  for (const char* family : {"bert", "bort", "roberta"}) {
    EXPECT_NE(no_plan(family, "gluon", R"("is_decoder": true)").message().find("\"is_decoder\" is true"),
              std::string::npos);
  }
  const Plan google = from_hf("bert", "tf1", R"("is_decoder": true)");
  EXPECT_TRUE(notes(google.notes, "has no causal mask"));
}

TEST(GluonRefusal, CrossAttentionIsNotLeftOut) {
  EXPECT_NE(no_plan("roberta", "gluon", R"("add_cross_attention": true)").message().find("no cross-attention"),
            std::string::npos);
}

TEST(GluonRefusal, AnUntiedDecoderIsNotTied) {
  for (const bool with_ties : {false, true}) {
    const Plan plan = from_hf("bert", "gluon", R"("tie_word_embeddings": false)", true, with_ties);
    ASSERT_EQ(plan.equals.size(), 1u);
    EXPECT_EQ(plan.equals[0].dropped, "cls.predictions.decoder.weight");
    EXPECT_EQ(from_hf("bert", "tf1", R"("tie_word_embeddings": false)", true, with_ties).equals.size(), 1u);
    EXPECT_TRUE(from_hf("bert", "hf", R"("tie_word_embeddings": false)", true, with_ties).equals.empty());
  }
}

TEST(GluonRefusal, AnUntiedDecoderThatIsNotThereIsNotInvented) {
  for (const char* to : {"gluon", "tf1"}) {
    const Error error = no_plan("bert", to, R"("tie_word_embeddings": false)");
    EXPECT_EQ(error.code(), Errc::unmapped);
    EXPECT_NE(error.message().find("\"tie_word_embeddings\" is false"), std::string::npos) << error.what();
    EXPECT_NE(error.message().find("'cls.predictions.decoder.weight'"), std::string::npos) << error.what();
  }
}

TEST(GluonRefusal, WordEmbeddingsAreNotThoseOfAnUntiedDecoder) {
  std::vector<NamedShape> gluon = body({.types = 2});
  add_decoder(gluon);
  std::erase_if(gluon, [](const NamedShape& each) { return each.name == "word_embed.0.weight"; });
  const IndexOnlyReader reader(synthetic_index(gluon));
  const Mapping& bert = Mapping::builtin("bert");
  const auto plan = [&](const std::string& tied) {
    const std::string config = R"({"model_type": "bert", "tie_word_embeddings": )" + tied + "}";
    return bert.plan(reader, "", bert.bind(reader.index(), with(config)), "hf");
  };
  EXPECT_FALSE(plan("true").slots.empty());
  EXPECT_THROW(plan("false"), Error);
}

// ---- configurations -------------------------------------------------------------------------------------------------

TEST(GluonConfig, ABortHasTheKeysOfTheOldScript) {
  const Mapping& bort = Mapping::builtin("bort");
  const Binding binding = bort.bind(synthetic_index(body()), with(R"({"num_heads": 2, "layer_norm_eps": 1e-5})"));
  const auto config = ordered_json::parse(bort.config_file(binding, "hf", DType::f16, {}));
  std::vector<std::string> keys;
  for (const auto& [key, value] : config.items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{
                "architectures", "attention_probs_dropout_prob", "classifier_dropout", "hidden_act",
                "hidden_dropout_prob", "hidden_size", "initializer_range", "intermediate_size", "layer_norm_eps",
                "max_position_embeddings", "model_type", "num_attention_heads", "num_hidden_layers", "pad_token_id",
                "position_embedding_type", "torch_dtype", "type_vocab_size", "use_cache", "vocab_size"}));
  EXPECT_EQ(config["architectures"][0], "BertModel");  // there is no head in the file
  EXPECT_EQ(config["pad_token_id"], 1);
  EXPECT_EQ(config["type_vocab_size"], 1);
}

TEST(GluonConfig, TheDictionaryIsWrittenInItsOwnOrder) {
  const Mapping& bort = Mapping::builtin("bort");
  const Binding binding = bort.bind(synthetic_index(body()), with(R"({"num_heads": 2, "layer_norm_eps": 1e-5})"));
  const auto config = ordered_json::parse(bort.config_file(binding, "gluon", DType::f32, {}));
  std::vector<std::string> keys;
  for (const auto& [key, value] : config.items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"attention_cell", "num_layers", "units", "hidden_size", "max_length", "num_heads",
                                      "scaled", "dropout", "use_residual", "embed_size", "embed_dropout", "word_embed",
                                      "layer_norm_eps", "token_type_vocab_size", "activation", "vocab_size"}));
  EXPECT_EQ(config["embed_size"], 8);
  EXPECT_EQ(config["hidden_size"], 6);
  EXPECT_TRUE(config["word_embed"].is_null());
}

TEST(GluonConfig, RobertaCountsTwoPositionsMoreInTransformers) {
  const Mapping& roberta = Mapping::builtin("roberta");
  const Binding binding = roberta.bind(synthetic_index(body()), with(R"({"num_heads": 2, "layer_norm_eps": 1e-5})"));
  const std::string hf = roberta.config_file(binding, "hf", DType::f32, {});
  const auto config = ordered_json::parse(hf);
  EXPECT_EQ(config["max_position_embeddings"], 18);
  EXPECT_EQ(config["bos_token_id"], 0);
  EXPECT_EQ(config["eos_token_id"], 2);
  EXPECT_FALSE(
      ordered_json::parse(roberta.config_file(binding, "gluon", DType::f32, {})).contains("token_type_vocab_size"));
  const IndexOnlyReader reader(synthetic_index(body()));
  const Plan plan = roberta.plan(reader, "", binding, "hf");
  EXPECT_EQ(slot_named(plan, "embeddings.position_embeddings.weight")->shape, (Shape{18, 8}));
  std::vector<NamedShape> tensors;
  for (const Slot& slot : plan.slots) tensors.push_back({slot.name, slot.shape, slot.dtype});
  EXPECT_EQ(roberta.bind(synthetic_index(tensors), with(hf)).config.at("P"), "16");
  std::string small = hf;
  small.replace(small.find(": 18"), 4, ": 2");
  const std::string text = all_of(refusal(tensors, small, "roberta"));
  EXPECT_NE(text.find("must be an integer from 1 to 2147483647, plus 2"), std::string::npos) << text;
}

TEST(GluonConfig, AnEpsilonOfNullIsGluonsOwn) {
  const auto epsilon = [](const char* family, const std::vector<NamedShape>& tensors, const char* config) {
    const ModelConfig known = Mapping::builtin(family).bind(synthetic_index(tensors), with(config)).config;
    return known.contains("norm_epsilon") ? known.at("norm_epsilon") : "";
  };
  EXPECT_EQ(epsilon("bort", body(), R"({"num_heads": 2, "layer_norm_eps": null})"), "1e-12");
  EXPECT_EQ(epsilon("bort", body(), R"({"num_heads": 2, "units": 8})"), "");
  EXPECT_EQ(epsilon("bert", body({.types = 2}), R"({"num_heads": 2, "units": 8})"), "1e-12");
}

}  // namespace
}  // namespace transload
