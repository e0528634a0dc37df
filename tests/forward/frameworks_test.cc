// The graphs against outputs that the real frameworks stored: GluonNLP 0.8.3 on mxnet 1.5.0 in float32
// (tests/golden/mxnet), transformers in float64 for Google's checkpoints (tests/golden/forward/google.json).

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "forward/run.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/npy.h"

namespace transload::forward {
namespace {

using nlohmann::json;
using testing::golden;
using testing::read_npy;
using Numbers = std::vector<double>;

constexpr double kSingle = 1e-5;  // what float32 arithmetic may cost

std::map<std::string, Values> by_name(std::vector<Stage> stages) {
  std::map<std::string, Values> found;
  for (Stage& stage : stages) found[stage.name] = std::move(stage.values);
  return found;
}

// `kept`: which of the rows count.
void expect_close(const Values& found, const Numbers& wanted, double tolerance, const std::vector<bool>& kept = {}) {
  ASSERT_EQ(found.data.size(), wanted.size());
  double largest = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!kept.empty() && !kept[i / static_cast<std::size_t>(found.width)]) continue;
    largest = std::max(largest, std::abs(found.data[i] - wanted[i]));
  }
  EXPECT_LE(largest, tolerance);
}

std::vector<bool> valid_rows(const TokenBatch& batch) {
  std::vector<bool> kept;
  for (std::int64_t s = 0; s < batch.sequences; ++s) {
    for (std::int64_t i = 0; i < batch.length; ++i) kept.push_back(i < batch.valid[static_cast<std::size_t>(s)]);
  }
  return kept;
}

// ---- GluonNLP
// --------------------------------------------------------------------------------------------------------

struct Case {
  std::string folder, file, family, prefix;
};

class Gluon {
 public:
  explicit Gluon(const Case& which, const std::string& inputs = "")
      : inputs_(golden("mxnet/" + (inputs.empty() ? which.folder : inputs))) {
    const auto path = golden("mxnet/" + which.folder) / which.file;
    const Location location = locate(path.string());
    const json expected = json::parse(testing::read_file(inputs_ / "expected.json"));
    model_ = {open(location), location.display,          which.family,   "gluon",
              which.prefix,   expected["config"].dump(), "expected.json"};
    const testing::Npy ids = read_npy(inputs_ / "ids.npy");
    batch_ = {"", ids.shape.at(0), ids.shape.at(1), ids.integers(), {}, {}};
  }
  void with_types() { batch_.types = read_npy(inputs_ / "token_types.npy").integers(); }
  void with_valid() { batch_.valid = read_npy(inputs_ / "valid_length.npy").integers(); }

  std::map<std::string, Values> run() const {
    std::vector<std::int64_t> rows;
    if (std::filesystem::exists(inputs_ / "masked_positions.npy")) {
      const testing::Npy masked = read_npy(inputs_ / "masked_positions.npy");
      for (std::size_t i = 0; i < masked.values.size(); ++i) {
        const auto sequence = static_cast<std::int64_t>(i) / masked.shape.at(1);
        rows.push_back(sequence * batch_.length + static_cast<std::int64_t>(masked.values[i]));
      }
    }
    return by_name(forward::run(*make_graph(model_), batch_, rows));
  }
  Numbers output(const std::string& name) const { return read_npy(inputs_ / (name + ".npy")).values; }
  const TokenBatch& batch() const { return batch_; }
  Model& model() { return model_; }

 private:
  std::filesystem::path inputs_;
  Model model_;
  TokenBatch batch_;
};

// The same model in every container and with both kinds of names.
class BortWithoutMask : public ::testing::TestWithParam<Case> {};

TEST_P(BortWithoutMask, IsTheRealGluonNlps) {
  const Gluon bort(GetParam(), GetParam().folder == "bort_tiny_fp16" ? "" : "bort_tiny_fp32");
  const auto stages = bort.run();
  EXPECT_EQ(stages.size(), 3u);  // no head
  expect_close(stages.at("layer 1"), bort.output("out_nomask"), kSingle);
}

INSTANTIATE_TEST_SUITE_P(, BortWithoutMask,
                         ::testing::Values(Case{"bort_tiny_fp32", "bort.params", "bort", ""},
                                           Case{"bort_tiny_fp16", "bort.params", "bort", ""},
                                           Case{"bort_tiny_v0_handmade", "bort.params", "bort", ""},
                                           Case{"bort_tiny_v1_handmade", "bort.params", "bort", ""},
                                           Case{"bort_tiny_flatnames", "bort.params", "bort", ""},
                                           Case{"bort_tiny_export", "bort-0007.params", "bort", ""}),
                         [](const auto& test) { return test.param.folder; });

TEST(ForwardGluon, BortWithPadding) {
  Gluon bort({"bort_tiny_fp32", "bort.params", "bort", ""});
  bort.with_valid();
  expect_close(bort.run().at("layer 1"), bort.output("out_valid_length"), kSingle, valid_rows(bort.batch()));
}

// With the shared matrix stored twice, and once under its last name, as mxnet 1.9.1 does.
TEST(ForwardGluon, BortWithDecoder) {
  for (const std::string folder : {"bort_tiny_decoder", "bort_tiny_decoder_dedup_mx191"}) {
    SCOPED_TRACE(folder);
    Gluon bort({folder, "bort.params", "bort", ""}, "bort_tiny_decoder");
    bort.with_valid();
    const auto stages = bort.run();
    expect_close(stages.at("layer 1"), bort.output("out_seq"), kSingle, valid_rows(bort.batch()));
    expect_close(stages.at("mlm"), bort.output("out_mlm"), kSingle);
  }
}

TEST(ForwardGluon, BertWithAllHeads) {
  Gluon bert({"bert_tiny", "bert.params", "bert", ""});
  bert.with_valid();
  bert.with_types();
  const auto stages = bert.run();
  expect_close(stages.at("layer 1"), bert.output("out_seq"), kSingle, valid_rows(bert.batch()));
  expect_close(stages.at("pooled"), bert.output("out_pooled"), kSingle);
  expect_close(stages.at("nsp"), bert.output("out_nsp"), kSingle);
  expect_close(stages.at("mlm"), bert.output("out_mlm"), kSingle);
}

TEST(ForwardGluon, Roberta) {
  Gluon roberta({"roberta_tiny", "roberta.params", "roberta", ""});
  roberta.with_valid();
  const auto stages = roberta.run();
  expect_close(stages.at("layer 1"), roberta.output("out_seq"), kSingle, valid_rows(roberta.batch()));
  expect_close(stages.at("mlm"), roberta.output("out_mlm"), kSingle);
}

TEST(ForwardGluon, SaysWhatItsCodeFixes) {
  Gluon bort({"bort_tiny_decoder", "bort.params", "bort", ""});
  const auto graph = make_graph(bort.model());
  const Semantics& semantics = graph->semantics();
  EXPECT_EQ(semantics.epsilon.value, 1e-5);
  EXPECT_FALSE(semantics.epsilon.by_code);
  EXPECT_EQ(semantics.head_epsilon.value, 1e-12);
  EXPECT_TRUE(semantics.head_epsilon.by_code);
  EXPECT_EQ(semantics.activation.value, Activation::gelu_erf);
  EXPECT_EQ(graph->sizes().types, 0);
  EXPECT_EQ(graph->sizes().positions, 16);
  EXPECT_EQ(graph->sizes().vocabulary, 60);
}

TEST(ForwardGluon, RefusesContradictions) {
  Gluon bort({"bort_tiny_fp32", "bort.params", "bort", ""});
  const auto refuses = [&](const std::string& key, const json& value, Errc code, const std::string& text) {
    Model model = bort.model();
    json config = json::parse(model.config_json);
    if (value.is_null()) {
      config.erase(key);
    } else {
      config[key] = value;
    }
    model.config_json = config.dump();
    return testing::refuses([&] { make_graph(model); }, code, text);
  };
  EXPECT_TRUE(refuses("num_heads", nullptr, Errc::unmapped, "num_heads"));
  EXPECT_TRUE(refuses("num_heads", 5, Errc::mismatch, "does not divide"));
  EXPECT_TRUE(refuses("num_heads", 0, Errc::mismatch, "does not divide"));
  EXPECT_TRUE(refuses("num_heads", "4", Errc::mismatch, "whole number"));
  EXPECT_TRUE(refuses("units", 64, Errc::mismatch, "\"units\" is 64, and the tensors say 32"));
  EXPECT_TRUE(refuses("hidden_size", 32, Errc::mismatch, "\"hidden_size\" is 32, and the tensors say 24"));
  EXPECT_TRUE(refuses("num_layers", 3, Errc::mismatch, "num_layers"));
  EXPECT_TRUE(refuses("max_length", 512, Errc::mismatch, "max_length"));
  EXPECT_TRUE(refuses("layer_norm_eps", "1e-5", Errc::mismatch, "layer_norm_eps"));
  EXPECT_TRUE(refuses("activation", "softsign", Errc::unsupported, "softsign"));
  EXPECT_TRUE(refuses("scaled", false, Errc::unsupported, "scaled"));
}

// ---- Google
// ----------------------------------------------------------------------------------------------------------

class Google : public ::testing::TestWithParam<std::string> {
 protected:
  json expected_ = json::parse(testing::read_file(golden("forward/google.json"))).at(GetParam());
  std::filesystem::path folder_ = golden("tensorflow/" + GetParam());
  TokenBatch batch_{"",
                    2,
                    7,
                    expected_.at("ids").get<std::vector<std::int64_t>>(),
                    expected_.at("types").get<std::vector<std::int64_t>>(),
                    expected_.at("valid").get<std::vector<std::int64_t>>()};

  Model model(const std::string& dialect, const std::string& file, const std::string& config) const {
    const Location location = locate((folder_ / file).string());
    return {open(location), location.display, "bert", dialect, "", testing::read_file(folder_ / config), config};
  }
  void expect_all(const std::map<std::string, Values>& found, double tolerance) const {
    EXPECT_EQ(found.size(), expected_.at("stages").size());
    for (const auto& [stage, values] : expected_.at("stages").items()) {
      SCOPED_TRACE(stage);
      const bool per_token = values.size() % (14 * 8) == 0 && stage != "pooled";
      expect_close(found.at(stage), values.get<Numbers>(), tolerance,
                   per_token || stage == "mlm" ? valid_rows(batch_) : std::vector<bool>());
    }
  }
};

TEST_P(Google, ComputesWhatItsTwinDoesWithTanhGelu) {
  auto found = by_name(run(*make_graph(model("tf1", "model.ckpt", "bert_config.json")), batch_));
  found.erase("token classifier");  // the classifier once more, read token by token
  expect_all(found, 1e-12);
}

TEST_P(Google, TheTwinItself) {
  Model twin = model("hf", "pytorch_model.bin", "config.json");
  json config = json::parse(twin.config_json);
  config["hidden_act"] = "gelu_new";
  twin.config_json = config.dump();
  expect_all(by_name(run(*make_graph(twin), batch_)), 1e-12);
}

TEST_P(Google, SaysThatItsCodeFixesGeluAndEpsilon) {
  const auto graph = make_graph(model("tf1", "model.ckpt", "bert_config.json"));
  EXPECT_EQ(graph->semantics().activation.value, Activation::gelu_tanh);
  EXPECT_TRUE(graph->semantics().activation.by_code);
  EXPECT_EQ(graph->semantics().epsilon.value, 1e-12);
  EXPECT_TRUE(graph->semantics().epsilon.by_code);
  const auto twin = make_graph(model("hf", "pytorch_model.bin", "config.json"));
  EXPECT_EQ(twin->semantics().activation.value, Activation::gelu_erf);
  EXPECT_FALSE(twin->semantics().activation.by_code);
}

INSTANTIATE_TEST_SUITE_P(, Google, ::testing::Values("google_pretraining", "google_classifier"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace transload::forward
