// Every known mistake, planted in turn, is refused and named.

#include <gtest/gtest.h>

#include "outputs/report.h"
#include "tiny_model.h"
#include "transload/prove_outputs.h"

namespace transload {
namespace {

using testing::TinyModel;

struct Planted {
  std::string name;
  std::function<void(TinyModel&)> plant;
  std::string found;  // how the sentence begins
  testing::Sizes sizes = {};
};

void PrintTo(const Planted& planted, std::ostream* out) { *out << planted.name; }

class Mistakes : public ::testing::TestWithParam<Planted> {};

TEST_P(Mistakes, AreRefusedAndNamed) {
  const Planted& planted = GetParam();
  const TinyModel right(planted.sizes);
  TinyModel wrong = right;
  planted.plant(wrong);
  const OutputsProof proof = prove_outputs(right.model(), wrong.model());
  EXPECT_FALSE(proof.holds());
  EXPECT_TRUE(proof.mistake.starts_with(planted.found + "; with that put right the outputs agree"))
      << "found: " << proof.mistake << "\nwanted: " << planted.found << "\n"
      << (proof.notes.empty() ? "" : proof.notes.back());
}

std::string at(std::int64_t layer, const std::string& name) { return TinyModel::layer(layer, name); }

void swap_modules(TinyModel& model, const std::string& a, const std::string& b, bool first, bool second) {
  if (first) model.swap(a + ".weight", b + ".weight");
  if (second) model.swap(a + ".bias", b + ".bias");
}

constexpr std::int64_t kLayers = 3;
constexpr testing::Sizes kSquare{3, 16, 4, 16, 50, 40, 2};  // feed-forward layers as wide as the hidden states
const std::string kQuery = "attention.self.query", kKey = "attention.self.key", kValue = "attention.self.value",
                  kMerge = "attention.output.dense", kExpand = "intermediate.dense", kContract = "output.dense",
                  kAttentionNorm = "attention.output.LayerNorm", kOutputNorm = "output.LayerNorm";

// Two modules swapped as wholes, first tensors only, second tensors only; in layer 1 and in every layer.
std::vector<Planted> swaps() {
  struct Pair {
    std::string a, b, name, text;
    bool norm = false, square = false;  // square: only where the feed-forward layers are as wide as the hidden states
  };
  const std::vector<Pair> pairs{
      {kQuery, kKey, "QueryKey", "query and key"},
      {kQuery, kValue, "QueryValue", "query and value"},
      {kKey, kValue, "KeyValue", "key and value"},
      {kMerge, kValue, "MergeValue", "value and attention output"},
      {kMerge, kContract, "MergeContract", "attention output and feed-forward output", false, true},
      {kExpand, kContract, "ExpandContract", "feed-forward input and feed-forward output", false, true},
      {kMerge, kExpand, "MergeExpand", "attention output and feed-forward input", false, true},
      {kAttentionNorm, kOutputNorm, "Norms", "the attention's norm and the layer's last norm", true}};
  std::vector<Planted> all;
  for (const Pair& pair : pairs) {
    for (const auto& [part, first, second, text] :
         {std::tuple{"Whole", true, true, std::string()},
          std::tuple{"First", true, false, std::string(pair.norm ? " (scales only)" : " (weights only)")},
          std::tuple{"Second", false, true, std::string(pair.norm ? " (shifts only)" : " (biases only)")}}) {
      const testing::Sizes sizes = pair.square ? kSquare : testing::Sizes{};
      const std::string what = pair.text + " have changed places" + text;
      const auto plant = [=, a = pair.a, b = pair.b, f = first, s = second](TinyModel& model, std::int64_t layer) {
        swap_modules(model, at(layer, a), at(layer, b), f, s);
      };
      all.push_back(
          {pair.name + part + "InOneLayer", [=](TinyModel& model) { plant(model, 1); }, "layer 1: " + what, sizes});
      all.push_back({pair.name + part + "InAllLayers",
                     [=](TinyModel& model) {
                       for (std::int64_t i = 0; i < kLayers; ++i) plant(model, i);
                     },
                     "every layer: " + what, sizes});
    }
  }
  // The biases of these have one shape even where their weights have not.
  all.push_back({"MergeContractBiasesOfOtherShapes",
                 [](TinyModel& model) {
                   for (std::int64_t i = 0; i < kLayers; ++i)
                     model.swap(at(i, kMerge + ".bias"), at(i, kContract + ".bias"));
                 },
                 "every layer: attention output and feed-forward output have changed places (biases only)"});
  return all;
}

std::vector<Planted> transposes() {
  std::vector<Planted> all;
  for (const auto& [module, name, text] :
       {std::tuple{kQuery, "Query", "query"}, std::tuple{kKey, "Key", "key"}, std::tuple{kValue, "Value", "value"},
        std::tuple{kMerge, "Merge", "attention output"}, std::tuple{kExpand, "Expand", "feed-forward input"},
        std::tuple{kContract, "Contract", "feed-forward output"}}) {
    const std::string what = std::string("the weight of ") + text + " is transposed";
    all.push_back({std::string("Transposed") + name + "InOneLayer",
                   [module = module](TinyModel& model) { model.transpose(at(2, module + ".weight")); },
                   "layer 2: " + what, kSquare});
    all.push_back({std::string("Transposed") + name + "InAllLayers",
                   [module = module](TinyModel& model) {
                     for (std::int64_t i = 0; i < kLayers; ++i) model.transpose(at(i, module + ".weight"));
                   },
                   "every layer: " + what, kSquare});
  }
  all.push_back({"TransposedAll",
                 [](TinyModel& model) {
                   for (std::int64_t i = 0; i < kLayers; ++i) {
                     for (const std::string& module : {kQuery, kKey, kValue, kMerge})
                       model.transpose(at(i, module + ".weight"));
                   }
                 },
                 "every layer: every square weight is transposed"});
  all.push_back({"TransposedPooler", [](TinyModel& model) { model.transpose("bert.pooler.dense.weight"); },
                 "pooled: the weight of the pooler is transposed"});
  all.push_back({"TransposedMlm", [](TinyModel& model) { model.transpose("cls.predictions.transform.dense.weight"); },
                 "mlm: the weight of the head's dense layer is transposed"});
  return all;
}

std::vector<Planted> orders() {
  const auto rotate = [](TinyModel& model, std::int64_t layer, const std::string& part) {
    model.swap(at(layer, kQuery + part), at(layer, kKey + part));    // key, query, value
    model.swap(at(layer, kQuery + part), at(layer, kValue + part));  // value, query, key
  };
  return {{"RotatedAttention",
           [=](TinyModel& model) {
             rotate(model, 1, ".weight");
             rotate(model, 1, ".bias");
           },
           "layer 1: value, query and key stand where query, key and value belong"},
          {"RotatedAttentionWeights",
           [=](TinyModel& model) {
             for (std::int64_t i = 0; i < kLayers; ++i) rotate(model, i, ".weight");
           },
           "every layer: value, query and key stand where query, key and value belong (weights only)"},
          {"RotatedAttentionTwice",
           [=](TinyModel& model) {
             for (const char* part : {".weight", ".weight", ".bias", ".bias"}) rotate(model, 0, part);
           },
           "layer 0: key, value and query stand where query, key and value belong"},
          {"LayersInAnotherOrder",
           [](TinyModel& model) {
             for (auto& [name, values] : model.tensors) {
               if (name.starts_with("bert.encoder.layer.1.")) {
                 std::string other = name;
                 other[std::string("bert.encoder.layer.").size()] = '2';
                 model.swap(name, other);
               }
             }
           },
           "layers 1 and 2: the layers stand in another order"},
          {"ScaleForShift",
           [](TinyModel& model) { model.swap(at(2, kAttentionNorm + ".weight"), at(2, kAttentionNorm + ".bias")); },
           "layer 2: scale and shift of the attention's norm have changed places"}};
}

std::vector<Planted> embeddings() {
  const std::string positions = "bert.embeddings.position_embeddings.weight",
                    types = "bert.embeddings.token_type_embeddings.weight", norm = "bert.embeddings.LayerNorm";
  std::vector<Planted> all;
  for (const int by : {1, -1, 2, -2}) {
    const std::string rows = std::string(by > 0 ? "+" : "") + std::to_string(by) + (by * by == 1 ? " row" : " rows");
    all.push_back({std::string("PositionsCyclicallyBy") + (by < 0 ? "Minus" : "") + std::to_string(by * by),
                   [=](TinyModel& model) { model.rotate_rows(positions, by); },
                   "embeddings: the position embeddings are shifted cyclically by " + rows});
    all.push_back({std::string("PositionsBy") + (by < 0 ? "Minus" : "") + std::to_string(by * by),
                   [=](TinyModel& model) {
                     model.rotate_rows(positions, by);
                     auto& [shape, data] = model.tensors.at(positions);
                     const std::int64_t lost = by > 0 ? 0 : (shape[0] + by) * shape[1];
                     for (std::int64_t i = 0; i < std::abs(by) * shape[1]; ++i)
                       data[static_cast<std::size_t>(lost + i)] = 0.125F;
                   },
                   "embeddings: the position embeddings are shifted by " + rows});
  }
  all.push_back({"TokenTypesSwapped", [=](TinyModel& model) { model.rotate_rows(types, 1); },
                 "embeddings: the token-type rows have changed places"});
  all.push_back({"TokenTypesZero", [=](TinyModel& model) { std::ranges::fill(model[types], 0.0F); },
                 "embeddings: the token-type embeddings are zeros"});
  all.push_back({"TokenTypeRowTwice",
                 [=](TinyModel& model) { std::copy_n(model[types].begin() + 16, 16, model[types].begin()); },
                 "embeddings: token-type row 0 is row 1 of the first model"});
  all.push_back({"TokenTypeRandom",
                 [=](TinyModel& model) {
                   for (std::size_t i = 0; i < 16; ++i) model[types][i] = static_cast<float>(i % 5) * 0.02F;
                 },
                 "embeddings: token-type row 0 holds other values (left random?)"});
  all.push_back({"EmbeddingsScaleForShift", [=](TinyModel& model) { model.swap(norm + ".weight", norm + ".bias"); },
                 "embeddings: scale and shift of the embeddings' norm have changed places"});
  for (const std::int64_t layer : {0, 2}) {
    all.push_back({"EmbeddingsNormAndLayer" + std::to_string(layer),
                   [=](TinyModel& model) { swap_modules(model, norm, at(layer, kOutputNorm), true, true); },
                   "embeddings and layer " + std::to_string(layer) +
                       ": the embeddings' norm and the layer's last norm of layer " + std::to_string(layer) +
                       " have changed places"});
  }
  all.push_back({"EmbeddingsNormShifts",
                 [=](TinyModel& model) { swap_modules(model, norm, at(1, kAttentionNorm), false, true); },
                 "embeddings and layer 1: the embeddings' norm and the attention's norm of layer 1 have changed places "
                 "(shifts only)"});
  return all;
}

std::vector<Planted> heads() {
  const std::string dense = "cls.predictions.transform.dense", norm = "cls.predictions.transform.LayerNorm";
  return {{"MlmScaleForShift", [=](TinyModel& model) { model.swap(norm + ".weight", norm + ".bias"); },
           "mlm: scale and shift of the head's norm have changed places"},
          {"MlmDenseAndPooler", [=](TinyModel& model) { swap_modules(model, dense, "bert.pooler.dense", true, true); },
           "pooled and mlm: the pooler and the head's dense layer have changed places"},
          {"MlmDenseAndPoolerBiases",
           [=](TinyModel& model) { swap_modules(model, dense, "bert.pooler.dense", false, true); },
           "pooled and mlm: the pooler and the head's dense layer have changed places (biases only)"},
          {"MlmNormAndLastNorm", [=](TinyModel& model) { swap_modules(model, norm, at(2, kOutputNorm), true, true); },
           "layer 2 and mlm: the layer's last norm of layer 2 and the head's norm have changed places"},
          {"MlmMatrixNotTied",
           [](TinyModel& model) {
             TinyModel::Values other = model.tensors.at("bert.embeddings.word_embeddings.weight");
             std::ranges::reverse(other.data);
             model.tensors["cls.predictions.decoder.weight"] = other;
           },
           "mlm: the matrix to the vocabulary is not the word embeddings, as it is in the first model"},
          {"NspReversed",
           [](TinyModel& model) {
             model.rotate_rows("cls.seq_relationship.weight", 1);
             std::swap(model["cls.seq_relationship.bias"][0], model["cls.seq_relationship.bias"][1]);
           },
           "nsp: the labels stand in reverse order"},
          {"NspReversedWeights", [](TinyModel& model) { model.rotate_rows("cls.seq_relationship.weight", 1); },
           "nsp: the labels stand in reverse order (weights only)"}};
}

std::vector<Planted> together() {
  return {{"TwoLayersOfThree",
           [](TinyModel& model) {
             for (const std::int64_t i : {0, 2}) swap_modules(model, at(i, kQuery), at(i, kKey), true, true);
           },
           "layers 0 and 2: query and key have changed places"},
          {"TwoKinds",
           [](TinyModel& model) {
             swap_modules(model, at(0, kQuery), at(0, kKey), true, true);
             model.transpose(at(2, kValue + ".weight"));
           },
           "layer 0: query and key have changed places; layer 2: the weight of value is transposed"}};
}

std::string name_of(const ::testing::TestParamInfo<Planted>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Swaps, Mistakes, ::testing::ValuesIn(swaps()), name_of);
INSTANTIATE_TEST_SUITE_P(Transposes, Mistakes, ::testing::ValuesIn(transposes()), name_of);
INSTANTIATE_TEST_SUITE_P(Orders, Mistakes, ::testing::ValuesIn(orders()), name_of);
INSTANTIATE_TEST_SUITE_P(Embeddings, Mistakes, ::testing::ValuesIn(embeddings()), name_of);
INSTANTIATE_TEST_SUITE_P(Heads, Mistakes, ::testing::ValuesIn(heads()), name_of);
INSTANTIATE_TEST_SUITE_P(Together, Mistakes, ::testing::ValuesIn(together()), name_of);

TEST(MistakesUnknown, AreNotExplainedButShown) {
  const TinyModel right;
  TinyModel wrong = right;
  wrong[at(1, kContract + ".bias")][2] += 0.5F;
  const OutputsProof proof = prove_outputs(right.model(), wrong.model());
  EXPECT_FALSE(proof.holds());
  EXPECT_TRUE(proof.mistake.empty()) << proof.mistake;
  ASSERT_FALSE(proof.notes.empty());
  EXPECT_EQ(proof.notes.back(),
            "layer 1: no known mistake explains the difference; other values than in the first model: feed-forward "
            "output (bias)");
}

}  // namespace
}  // namespace transload
