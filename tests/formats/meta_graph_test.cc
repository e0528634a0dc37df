#include "formats/tensor_bundle/meta_graph.h"

#include <gtest/gtest.h>

#include "formats/digest.h"
#include "formats/tensor_bundle/data_type.h"
#include "formats/tensor_bundle/op_list.h"
#include "support/bundle_fixtures.h"

namespace transload::tensor_bundle {
namespace {

using testing::contents, testing::golden, testing::json;

std::string sha256(std::string_view text) {
  Sha256 sha;
  sha.add(as_bytes(text));
  return sha.hex();
}

// Graphs that the real TensorFlow 2.15.1 made (make_meta_graphs.py): every dtype that its variables have, shapes
// with and without elements, of 64 bits, names, 1100 variables, BERT-base and BERT-large.
TEST(MetaGraph, IsByteForByteTensorFlows) {
  const wire::Json cases = json(golden("tensorflow/meta_graphs.json"));
  ASSERT_GT(cases.size(), 40U);
  for (const wire::Json& expected : cases) {
    std::vector<std::string> names;
    for (const wire::Json& variable : expected.at("variables")) names.push_back(variable.at(0));
    std::vector<Variable> variables;
    for (const wire::Json& variable : expected.at("variables")) {
      const DType dtype = dtype_named(variable.at(1).get<std::string>()).value();
      variables.push_back({names[variables.size()], data_type(dtype)->number, variable.at(2).get<Shape>()});
    }
    const std::string graph = meta_graph(variables);
    EXPECT_EQ(graph.size(), expected.at("bytes").get<std::size_t>()) << expected.at("case");
    EXPECT_EQ(sha256(graph), expected.at("sha256").get<std::string>()) << expected.at("case");
  }
}

TEST(MetaGraph, TheOperationsAreThoseOfTheRealScript) {
  EXPECT_EQ(op_list(true).text(), contents(golden("tensorflow/tiny/stripped_op_list.bin")));
}

std::string graph_of(std::initializer_list<Variable> variables) { return meta_graph(std::vector(variables)); }

// Such a file imports, and gives no Saver (checked with TensorFlow 2.15.1).
TEST(MetaGraph, HasNoNodesWhereTensorFlowHasNoSuchVariables) {
  const std::string none = graph_of({});
  EXPECT_LT(none.size(), 60U);
  const std::int32_t f32 = data_type(DType::f32)->number, f8 = data_type(DType::f8_e5m2)->number;
  EXPECT_EQ(graph_of({{"a b", f32, {2}}, {"good", f32, {2}}}), none);
  EXPECT_EQ(graph_of({{"a", f32, {2}}, {"a/read", f32, {2}}}), none);
  EXPECT_EQ(graph_of({{"Placeholder", f32, {2}}}), none);
  EXPECT_EQ(graph_of({{"save/Const", f32, {2}}}), none);
  EXPECT_EQ(graph_of({{"a", f8, {2}}}), none);
  EXPECT_NE(graph_of({{"a", f32, {2}}, {"a/b", f32, {2}}, {"save/b", f32, {2}}}), none);
}

TEST(MetaGraph, NamesOfNodes) {
  for (const std::string_view name : {"a", "A.b-c_d/e", ".a", "0", "a//b", "a>b", "bert/encoder/layer_0/x"}) {
    EXPECT_TRUE(is_variable_name(name)) << name;
  }
  for (const std::string_view name : {"", "_a", "-a", "/a", "a/", "a b", "a:0", "a\\b", "\xc3\xa9", "a>", "a>_b"}) {
    EXPECT_FALSE(is_variable_name(name)) << name;
  }
}

}  // namespace
}  // namespace transload::tensor_bundle
