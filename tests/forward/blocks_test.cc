#include "forward/blocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "forward/parallel.h"
#include "support/errors.h"
#include "support/files.h"

namespace transload::forward {
namespace {

using nlohmann::json;
using Numbers = std::vector<double>;

// What torch computes in float64: see tests/golden/forward/generate.py.
json expected() { return json::parse(testing::read_file(testing::golden("forward/blocks.json"))); }

void expect_close(const Numbers& found, const Numbers& wanted, double tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], wanted[i], tolerance * std::max(1.0, std::abs(wanted[i]))) << "element " << i;
  }
}

Tensor matrix(Numbers values, std::int64_t rows, std::int64_t columns) {
  return {"matrix", DType::f64, rows, columns, std::move(values)};
}
Tensor vector(Numbers values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return {"vector", DType::f64, 1, size, std::move(values)};
}

TEST(Activate, IsTorchs) {
  const json table = expected().at("activations");
  const std::map<std::string, Activation> all{{"gelu_erf", Activation::gelu_erf}, {"gelu_tanh", Activation::gelu_tanh},
                                              {"relu", Activation::relu},         {"tanh", Activation::tanh},
                                              {"linear", Activation::linear},     {"silu", Activation::silu}};
  for (const auto& [name, activation] : all) {
    SCOPED_TRACE(name);
    Numbers found;
    for (const double x : table.at("x").get<Numbers>()) found.push_back(activate(activation, x));
    expect_close(found, table.at(name).get<Numbers>(), 1e-15);
  }
}

TEST(Linear, MultipliesByRowsAndAddsTheBias) {
  const Linear parameters{matrix({1, 2, 3, 4, 5, 6}, 2, 3), vector({10, 20})};
  const Values one = linear(Values{1, 3, {1, 0, -1}}, parameters);
  EXPECT_EQ(one.data, (Numbers{8, 18}));
  const Values two = linear(Values{2, 3, {1, 0, -1, 0, 1, 0}}, parameters);
  EXPECT_EQ(two.rows, 2);
  EXPECT_EQ(two.width, 2);
  EXPECT_EQ(two.data, (Numbers{8, 18, 12, 25}));
}

TEST(Linear, RefusesAnotherWidth) {
  const Linear parameters{matrix({1, 2, 3, 4, 5, 6}, 2, 3), vector({10, 20})};
  EXPECT_TRUE(testing::refuses([&] { linear(Values{1, 2, {1, 0}}, parameters); }, Errc::mismatch, "width 2"));
}

TEST(Scores, HaveNoBias) { EXPECT_EQ(scores(Values{1, 2, {1, 2}}, matrix({1, 1, 0, 3}, 2, 2)).data, (Numbers{3, 6})); }

TEST(Normalise, IsTorchsLayerNorm) {
  const json norm = expected().at("norm");
  Values x{3, 11, norm.at("x").get<Numbers>()};
  normalise(x, {vector(norm.at("scale").get<Numbers>()), vector(norm.at("shift").get<Numbers>())},
            norm.at("epsilon").get<double>());
  expect_close(x.data, norm.at("y").get<Numbers>(), 1e-14);
}

TEST(Normalise, PutsTheEpsilonInsideTheRoot) {
  Values x{1, 2, {1, -1}};  // mean 0, variance 1
  normalise(x, {vector({1, 1}), vector({0, 0})}, 3.0);
  EXPECT_EQ(x.data, (Numbers{0.5, -0.5}));
}

TEST(Embed, AddsWordPositionAndType) {
  Embeddings parameters;
  parameters.words = matrix({100, 0, 200, 0}, 2, 2);
  parameters.positions = matrix({10, 0, 20, 0, 30, 0}, 3, 2);
  parameters.types = matrix({1, 0, 2, 0}, 2, 2);
  parameters.norm = {vector({1, 1}), vector({0, 0})};
  TokenBatch batch{"", 1, 2, {7, 5}, {0, 1}, {}};
  const std::vector<std::int64_t> words{1, 0}, positions{0, 2};
  // Rows (211, 0) and (132, 0): half their difference is the deviation, which an epsilon of 0 would make 1.
  const double epsilon = 1.0;
  const Values x = embed(parameters, batch, words, positions, epsilon);
  const auto normal = [&](double a) { return a / 2 / std::sqrt(a * a / 4 + epsilon); };
  expect_close(x.data, {normal(211), -normal(211), normal(132), -normal(132)}, 1e-15);
  batch.types = {};
  expect_close(embed(parameters, batch, words, positions, epsilon).data,
               {normal(211), -normal(211), normal(131), -normal(131)}, 1e-15);
  const std::vector<std::int64_t> beyond{0, 3};
  EXPECT_TRUE(testing::refuses([&] { embed(parameters, batch, words, beyond, epsilon); }, Errc::usage, "row 3"));
}

class LayerTest : public ::testing::Test {
 protected:
  LayerTest() {
    hidden_ = table_.at("hidden").get<std::int64_t>();
    const auto inner = table_.at("inner").get<std::int64_t>();
    const auto dense = [&](std::size_t i, std::int64_t out, std::int64_t in) {
      return Linear{matrix(table_.at("weights").at(i).get<Numbers>(), out, in),
                    vector(table_.at("biases").at(i).get<Numbers>())};
    };
    const auto norm = [&](std::size_t i) {
      return Norm{vector(table_.at("norms").at(i).get<Numbers>()), vector(table_.at("norms").at(i + 1).get<Numbers>())};
    };
    layer_ = {dense(0, hidden_, hidden_),
              dense(1, hidden_, hidden_),
              dense(2, hidden_, hidden_),
              dense(3, hidden_, hidden_),
              norm(0),
              dense(4, inner, hidden_),
              dense(5, hidden_, inner),
              norm(2)};
    batch_.sequences = table_.at("sequences");
    batch_.length = table_.at("length");
    batch_.valid = table_.at("valid").get<std::vector<std::int64_t>>();
    x_ = {batch_.sequences * batch_.length, hidden_, table_.at("x").get<Numbers>()};
  }
  Values run() const {
    return run_layer(layer_, x_, batch_, table_.at("heads"), Activation::gelu_erf, table_.at("epsilon"));
  }
  // The rows of tokens that are not padding.
  Numbers valid(const Numbers& values) const {
    Numbers kept;
    for (std::int64_t s = 0; s < batch_.sequences; ++s) {
      const auto first = values.begin() + s * batch_.length * hidden_;
      kept.insert(kept.end(), first, first + batch_.valid[static_cast<std::size_t>(s)] * hidden_);
    }
    return kept;
  }

  json table_ = expected().at("layer");
  std::int64_t hidden_ = 0;
  Layer layer_;
  TokenBatch batch_;
  Values x_;
};

TEST_F(LayerTest, IsTorchs) { expect_close(valid(run().data), valid(table_.at("y").get<Numbers>()), 1e-12); }

TEST_F(LayerTest, PaddingChangesNothing) {
  const Numbers before = valid(run().data);
  for (std::int64_t i = 6 * hidden_; i < 8 * hidden_; ++i) x_.data[static_cast<std::size_t>(i)] = 1e6;
  EXPECT_EQ(valid(run().data), before);
}

TEST_F(LayerTest, RefusesASequenceWithoutTokens) {
  batch_.valid = {4, 0};
  EXPECT_TRUE(testing::refuses([&] { run(); }, Errc::usage, "0 of a sequence's 4"));
}

TEST(Pool, TakesFirstTokensThroughTanh) {
  const Values hidden{4, 1, {1, 2, 3, 4}};
  TokenBatch batch{"", 2, 2, {0, 0, 0, 0}, {}, {}};
  const Values pooled = pool({{matrix({0.5}, 1, 1), vector({0.25})}}, hidden, batch);
  EXPECT_EQ(pooled.data, (Numbers{std::tanh(0.75), std::tanh(1.75)}));
}

TEST(Classify, UsesATransformOnlyWhereThereIsOne) {
  const Linear output{matrix({2}, 1, 1), vector({1})};
  const Values x{1, 1, {3}};
  Classifier parameters;
  parameters.output = output;
  EXPECT_EQ(classify(parameters, x).data, (Numbers{7}));
  parameters.transform = output;
  EXPECT_EQ(classify(parameters, x).data, (Numbers{2 * std::tanh(7) + 1}));
}

TEST(PickRows, RefusesRowsBeyondTheLast) {
  const Values x{2, 1, {3, 4}};
  const std::vector<std::int64_t> rows{1, 0}, beyond{2};
  EXPECT_EQ(pick_rows(x, rows).data, (Numbers{4, 3}));
  EXPECT_TRUE(testing::refuses([&] { pick_rows(x, beyond); }, Errc::usage, "row 2 of 2"));
}

TEST(InParallel, CoversEveryUnitOnce) {
  for (const unsigned threads : {1u, 3u}) {
    set_threads(threads);
    std::vector<int> seen(100000, 0);
    in_parallel(100000, 100, [&](std::int64_t first, std::int64_t last) {
      for (; first < last; ++first) ++seen[static_cast<std::size_t>(first)];
    });
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 100000);
  }
  EXPECT_TRUE(
      testing::refuses([] { in_parallel(1000, 1 << 20, [](auto, auto) { throw Error(Errc::io, "no"); }); }, Errc::io));
  set_threads(0);
}

}  // namespace
}  // namespace transload::forward
