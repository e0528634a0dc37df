// Family files: what is refused, with the line; a dialect with joined tensors; zeros and leading rows.
#include <gtest/gtest.h>

#include "mapping/bert_models.h"
#include "mapping/plan_checks.h"
#include "support/files.h"
#include "transload/mapping.h"

namespace transload {
namespace {

using testing::hf_body;
using testing::IndexOnlyReader;
using testing::NamedShape;
using testing::run_on_numbers;
using testing::slot_named;
using testing::synthetic_index;

std::string mapping_text(const std::string& name) {
  return testing::read_file(testing::tests_dir() / "../mappings" / name);
}

constexpr const char* kDialects = R"([kinds]
linear = "i -> o"
vector = "c"
[a]
linear = { weight = ["{}.w", "o i"], bias = ["{}.b", "o"] }
vector = { value = ["{}", "c"] }
[b]
linear = { weight = ["{}.w", "i o"], bias = ["{}.b", "o"] }
vector = { value = ["{}", "c"] }
)";

constexpr const char* kSound = R"(family = "small"
dialects = ["a", "b"]
[dims]
H = { a = "width", b = "width" }
L = { a = "layers", b = "layers" }
[body]
one = { linear = "H -> H", a = "one", b = "eins" }
[layer]
repeat = "L"
prefix = { a = "l.{}.", b = "m{}." }
two = { vector = "H", a = "two", b = "zwei" }
[tail]
optional = true
three = { vector = "2", a = "three", b = "drei" }
[models]
Small = ["tail"]
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Family, ASoundFileIsCompiled) {
  const Mapping small = Mapping::parse(kSound, kDialects, "small.toml");
  EXPECT_EQ(small.family(), "small");
  const IndexOnlyReader reader(synthetic_index({{"one.w", {3, 3}}, {"one.b", {3}}, {"l.0.two", {3}}}));
  const Plan plan = small.plan(reader, "", small.bind(reader.index(), {}), "b");
  ASSERT_EQ(plan.slots.size(), 3u);
  EXPECT_EQ(plan.slots[2].name, "m0.zwei");
  EXPECT_TRUE(testing::is_transpose(plan.slots[0]));
}

struct Broken {
  const char* from;
  const char* to;
  const char* where;
  const char* says;
};

class BrokenFamily : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenFamily, IsRefusedWithItsLine) {
  const Broken& broken = GetParam();
  try {
    Mapping::parse(replaced(kSound, broken.from, broken.to), kDialects, "small.toml");
    FAIL() << "not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.where().file, broken.where) << e.what();
    EXPECT_NE(e.message().find(broken.says), std::string::npos) << e.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenFamily,
    ::testing::Values(
        Broken{"family = \"small\"", "family = ", "small.toml:1", "not valid TOML"},
        Broken{"[\"a\", \"b\"]", "[\"a\", \"c\"]", "small.toml:1", "'c' is not in dialects.toml"},
        Broken{"a = \"width\"", "a = { key = \"width\", else = \"no\" }", "small.toml:4", "'else' is for what"},
        Broken{"H = {", "Hx = {", "small.toml:4", "not one capital letter"},
        Broken{"a = \"width\"", "z = \"width\"", "small.toml:4", "'z' is neither a dialect"},
        Broken{"linear = \"H -> H\"", "linear = \"H H\"", "small.toml:7", "does not fit"},
        Broken{"linear = \"H -> H\"", "linear = \"H -> h\"", "small.toml:7", "no size such as"},
        Broken{"linear = \"H -> H\"", "linear = \"H -> Q\"", "small.toml:7", "'Q' is no size of [dims]"},
        Broken{"linear = \"H -> H\"", "linea = \"H -> H\"", "small.toml:7", "'linea' is no kind"},
        Broken{", b = \"eins\" }", " }", "small.toml:7", "no tensor, tie or zeros in b"},
        Broken{"b = \"eins\"", "b = { weight = [\"x\", \"i i\"] }", "small.toml:7", "twice"},
        Broken{"b = \"eins\"", "b = { weight = [\"x\", \"i\"], bias = [\"y\", \"o\"] }", "small.toml:7", "other axes"},
        Broken{"b = \"eins\"", "b = { weight = [\"x\", \"o i\"] }", "small.toml:7", "no tensor, tie or zeros in b"},
        Broken{"b = \"eins\"", "b = { wait = [\"x\", \"o i\"] }", "small.toml:7", "no parameter 'wait'"},
        Broken{"b = \"eins\"", "b = \"=eins\"", "small.toml:7", "more than one tensor"},
        Broken{"b = \"drei\"", "b = \"eins.b\"", "small.toml:14", "is the name of two tensors in b"},
        Broken{"a = \"l.{}.\"", "a = \"l.\"", "small.toml:11", "must have one {}"},
        Broken{"a = \"three\"", "a = \"three{}\"", "small.toml:14", "must have no {}"},
        Broken{"repeat = \"L\"", "repeat = \"Z\"", "small.toml:9", "'Z' is no size"},
        Broken{"three = {", "three = { tie = \"body.one\",", "small.toml:14", "cannot be tied"},
        Broken{"three = {", "three = { tie = \"body.none\",", "small.toml:14", "there is no row 'body.none'"},
        Broken{"Small = [\"tail\"]", "Small = []", "small.toml:1", "optional part 'tail' belongs to no class"},
        Broken{"Small = [\"tail\"]", "Small = [\"tale\"]", "small.toml:16", "there is no part 'tale'"},
        Broken{"optional = true", "optional = 1", "small.toml:13", "true or false"},
        Broken{"[models]", "[drop.a]\n\"x\" = \"\"\n[models]", "small.toml:16", "needs a reason"}));

void expect_dialects_refused(const std::string& from, const std::string& to, const std::string& line) {
  try {
    Mapping::parse(kSound, replaced(kDialects, from, to), "small.toml");
    FAIL() << "not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.where().file, "dialects.toml:" + line) << e.what();
  }
}

TEST(Dialects, AnAxisTooFewIsRefusedWithItsLine) { expect_dialects_refused("\"i o\"", "\"i\"", "8"); }

TEST(Dialects, ALayoutsAxisThatTheKindDoesNotHaveIsRefusedWithItsLine) {
  expect_dialects_refused("\"i -> o\"", "\"I -> o\"", "5");
}

TEST(Dialects, AxesAreOneLetterEachAndDiffer) {
  expect_dialects_refused("\"i -> o\"", "\"i -> io\"", "2");
  expect_dialects_refused("\"i -> o\"", "\"o -> o\"", "2");
}

// A seed that is refused at once leads the fuzzer nowhere.
TEST(Seeds, AreCompiled) {
  for (const char* name : {"bort", "roberta", "small", "zeros", "joined"}) {
    const std::string text = testing::read_file(testing::tests_dir() / "../fuzz/seeds/family" / name);
    const std::size_t end = text.find('\xff');
    ASSERT_NE(end, text.npos) << name;
    EXPECT_NO_THROW(Mapping::parse(text.substr(0, end), text.substr(end + 1), name)) << name;
  }
}

TEST(Builtin, AllAreCompiledAndInOrder) {
  ASSERT_FALSE(builtin_families().empty());
  for (const std::string_view family : builtin_families()) EXPECT_EQ(Mapping::builtin(family).family(), family);
  EXPECT_THROW(Mapping::builtin("../evil"), Error);
}

// ---- joined tensors: a Megatron-style dialect as an overlay on bert.toml
// ---------------------------------------------

constexpr const char* kMegaDialect = R"(
[mega]
linear    = { weight = ["{}.weight", "o i"], bias  = ["{}.bias", "o"] }
norm      = { scale  = ["{}.weight", "c"],   shift = ["{}.bias", "c"] }
embedding = { table  = ["{}.weight", "n c"] }
vector    = { value  = ["{}", "c"] }
)";

constexpr const char* kMegaColumn = R"toml(
[column.mega]
"root" = [""]
"embeddings.word" = "embedding.word_embeddings"
"embeddings.segment" = "embedding.tokentype_embeddings"
"embeddings.position" = "embedding.position_embeddings"
"embeddings.norm" = "embedding.norm"
"layer.prefix" = "transformer.layers.{}."
"layer.merge" = "attention.dense"
"layer.att_norm" = "input_layernorm"
"layer.expand" = "mlp.dense_h_to_4h"
"layer.contract" = "mlp.dense_4h_to_h"
"layer.ffn_norm" = "post_attention_layernorm"
"pooler.dense" = "pooler.dense"
[join.mega."layer.qkv"]
of     = ["query", "key", "value"]
weight = ["attention.query_key_value.weight", "(a n d) i", "(a d) i"]
bias   = ["attention.query_key_value.bias",   "(a n d)",   "(a d)"]
)toml";

Mapping with_mega() {
  return Mapping::parse(mapping_text("bert.toml") + kMegaColumn, mapping_text("dialects.toml") + kMegaDialect,
                        "bert.toml");
}

BindOptions with_heads(int heads) {
  BindOptions options;
  options.config_json = fmt::format(R"({{"model_type": "bert", "num_attention_heads": {}}})", heads);
  return options;
}

TEST(Joined, QueryKeyAndValueInterleavePerHead) {
  const Mapping bert = with_mega();
  const IndexOnlyReader hf(synthetic_index(hf_body()));
  const Binding binding = bert.bind(hf.index(), with_heads(2));
  const Plan plan = bert.plan(hf, "", binding, "mega");
  const Slot* fused = slot_named(plan, "transformer.layers.1.attention.query_key_value.weight");
  ASSERT_NE(fused, nullptr);
  EXPECT_EQ(fused->shape, (Shape{24, 8}));
  EXPECT_EQ(fused->pieces.size(), 3u);
  const auto values = run_on_numbers(plan, hf.index());
  const auto base = [&](const std::string& name) {
    return 1000000 * (hf.index().find(name) - hf.index().tensors.data());
  };
  // Stored row ((head * 3) + which) * 4 + d, column c is row head * 4 + d of that matrix.
  const std::vector<std::string> which{"query", "key", "value"};
  for (std::int64_t head = 0; head < 2; ++head) {
    for (std::int64_t n = 0; n < 3; ++n) {
      const std::string source = "encoder.layer.1.attention.self." + which[static_cast<std::size_t>(n)];
      for (std::int64_t d = 0; d < 4; ++d) {
        const auto row = static_cast<std::size_t>((head * 3 + n) * 4 + d);
        EXPECT_EQ(values.at("transformer.layers.1.attention.query_key_value.bias")[row],
                  base(source + ".bias") + head * 4 + d);
        for (std::size_t c = 0; c < 8; ++c) {
          EXPECT_EQ(values.at(fused->name)[row * 8 + c],
                    base(source + ".weight") + (head * 4 + d) * 8 + static_cast<std::int64_t>(c));
        }
      }
    }
  }
}

TEST(Joined, SplitAgainGivesTheSameIntoAThirdDialectToo) {
  const Mapping bert = with_mega();
  const IndexOnlyReader hf(synthetic_index(hf_body()));
  const Plan there = bert.plan(hf, "", bert.bind(hf.index(), with_heads(2)), "mega");
  std::vector<NamedShape> shapes;
  for (const Slot& slot : there.slots) shapes.push_back({slot.name, slot.shape});
  const IndexOnlyReader mega(synthetic_index(shapes));
  const Binding binding = bert.bind(mega.index(), with_heads(2));
  EXPECT_EQ(binding.dialect, "mega");

  const auto first = run_on_numbers(there, hf.index());
  for (const std::string target : {"hf", "tf1"}) {
    const Plan back = bert.plan(mega, "", binding, target);
    const Plan direct = bert.plan(hf, "", bert.bind(hf.index(), with_heads(2)), target);
    const auto second = run_on_numbers(back, mega.index());
    const auto expected = run_on_numbers(direct, hf.index());
    ASSERT_EQ(back.slots.size(), direct.slots.size());
    for (std::size_t s = 0; s < direct.slots.size(); ++s) {
      EXPECT_EQ(back.slots[s].name, direct.slots[s].name);
      const std::vector<std::int64_t>& numbers = second.at(direct.slots[s].name);
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        const std::string& name = shapes[static_cast<std::size_t>(numbers[i] / 1000000)].name;
        ASSERT_EQ(first.at(name)[static_cast<std::size_t>(numbers[i] % 1000000)], expected.at(direct.slots[s].name)[i])
            << direct.slots[s].name << " " << i;
      }
    }
  }
}

TEST(Joined, WithoutTheNumberOfHeadsItStops) {
  const Mapping bert = with_mega();
  const IndexOnlyReader hf(synthetic_index(hf_body()));
  EXPECT_THROW(bert.plan(hf, "", bert.bind(hf.index(), {}), "mega"), Error);
}

TEST(Joined, APartThatADialectLacksIsAnError) {
  const Mapping bert = with_mega();
  auto all = hf_body("bert.");
  testing::add_mlm_head(all, false);
  const IndexOnlyReader hf(synthetic_index(all));
  try {
    bert.plan(hf, "", bert.bind(hf.index(), with_heads(2)), "mega");
    FAIL() << "not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::unmapped);
    EXPECT_NE(e.message().find("'head.mlm' has no place in mega"), std::string::npos) << e.what();
  }
}

// ---- zeros and leading rows
// ------------------------------------------------------------------------------------------

constexpr const char* kZeros = R"(family = "small"
dialects = ["a", "b"]
[dims]
H = { a = "width", b = "width" }
P = { a = "places", b = "places" }
T = { a = "types", b = { fixed = 1 } }
[body]
types  = { table = "T H", a = "types", zeros = ["b"] }
places = { table = "P H", a = "places", b = "orte", lead = { a = 2 } }
[models]
Small = []
)";
constexpr const char* kTables = R"([kinds]
table = "n c"
[a]
table = { rows = ["{}", "n c"] }
[b]
table = { rows = ["{}", "n c"] }
)";

TEST(Zeros, StandForWhatTheSourceDoesNotHave) {
  const Mapping small = Mapping::parse(kZeros, kTables, "small.toml");
  const IndexOnlyReader b(synthetic_index({{"orte", {5, 3}}}));
  const Plan plan =
      small.plan(b, "", small.bind(b.index(), {.dialect = "b", .config_json = {}, .config_name = {}, .drop = {}}), "a");
  ASSERT_EQ(plan.slots.size(), 2u);
  EXPECT_EQ(plan.slots[0].name, "types");
  EXPECT_EQ(plan.slots[0].shape, (Shape{1, 3}));
  ASSERT_EQ(plan.slots[0].pieces.size(), 1u);
  EXPECT_EQ(plan.slots[0].pieces[0].op, Op::zeros);
  EXPECT_EQ(plan.slots[1].shape, (Shape{7, 3}));
  const auto values = run_on_numbers(plan, b.index());
  EXPECT_EQ(values.at("types"), (std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_EQ(std::vector<std::int64_t>(values.at("places").begin(), values.at("places").begin() + 9),
            (std::vector<std::int64_t>{0, 0, 0, 0, 0, 0, 0, 1, 2}));
}

TEST(Zeros, ARowThatTheTargetTakesForZerosMustBeZeros) {
  const Mapping small = Mapping::parse(kZeros, kTables, "small.toml");
  const IndexOnlyReader a(synthetic_index({{"types", {1, 3}}, {"places", {7, 3}}}));
  const Binding binding = small.bind(a.index(), {.dialect = "a", .config_json = {}, .config_name = {}, .drop = {}});
  EXPECT_EQ(binding.config.at("P"), "5");
  const Plan plan = small.plan(a, "", binding, "b");
  ASSERT_EQ(plan.zeros.size(), 1u);
  EXPECT_EQ(plan.zeros[0].tensor, "types");
  EXPECT_EQ(testing::drop_reason(plan, "types"), "must be zeros: b has no such tensor");
  ASSERT_EQ(plan.slots.size(), 1u);
  EXPECT_EQ(plan.slots[0].shape, (Shape{5, 3}));
  const auto values = run_on_numbers(plan, a.index());  // the two rows before row 0 stay behind
  EXPECT_EQ(values.at("orte").front(), 1000000 + 6);
}

}  // namespace
}  // namespace transload
