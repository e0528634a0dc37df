#include "wire/json.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/stopwatch.h"

namespace transload::wire {
namespace {

using transload::testing::error_of;
using transload::testing::refuses;

Json parse(std::string_view text) { return parse_json(text, "f.json"); }

TEST(Json, KeepsTheOrderOfKeysAndTheKindOfNumbers) {
  const Json value = parse(R"({"b": 1, "a": [true, null, -2, 1.5, "x"], "c": {}})");
  EXPECT_EQ(value.dump(), R"({"b":1,"a":[true,null,-2,1.5,"x"],"c":{}})");
  EXPECT_TRUE(value["b"].is_number_unsigned());
  EXPECT_FALSE(value["a"][2].is_number_unsigned());
  EXPECT_TRUE(parse("18446744073709551615").is_number_unsigned());
  for (const char* text : {"-0", "1.0", "1e0", "18446744073709551616"}) {
    EXPECT_FALSE(parse(text).is_number_unsigned()) << text;
  }
}

TEST(Json, AnyScalarIsAText) {
  EXPECT_EQ(parse("\"\"").get<std::string>(), "");
  EXPECT_EQ(parse(" 7 ").get<int>(), 7);
  EXPECT_EQ(parse("[]").size(), 0u);
}

TEST(Json, RefusesWhatTheSpecificationDoes) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":1,}",
                           "{'a':1}",
                           "{a:1}",
                           "01",
                           "+1",
                           ".5",
                           "1.",
                           "NaN",
                           "Infinity",
                           "-",
                           "[1] x",
                           "/* c */ 1",
                           "1 // c",
                           "\"\t\"",
                           "\"\\x41\"",
                           "\"\\ud800\"",
                           "\"\\udc00\\ud800\"",
                           "\"\xC0\x80\"",
                           "\"\xED\xA0\x80\"",
                           "\"\xFF\"",
                           "\"\xF4\x90\x80\x80\"",
                           "tru",
                           "\"a",
                           "1e400",
                           "-1e400",
                           "\xEF\xBB\xBF{}"}) {
    EXPECT_TRUE(refuses([&] { parse(text); }, Errc::corrupt)) << text;
  }
}

TEST(Json, RefusesDuplicateKeysHoweverTheyAreWritten) {
  EXPECT_TRUE(refuses([] { parse(R"({"a":1,"a":1})"); }, Errc::corrupt, "'a' occurs twice"));
  EXPECT_TRUE(refuses([] { parse(R"({"a":1,"\u0061":1})"); }, Errc::corrupt, "'a' occurs twice"));
  EXPECT_TRUE(refuses([] { parse(R"([{"x":{"a":1,"b":2,"a":3}}])"); }, Errc::corrupt, "twice"));
  EXPECT_FALSE(error_of([] { parse(R"({"a":{"a":{"a":1}},"b":{"a":1}})"); }));
}

TEST(Json, RefusesDuplicatesAmongManyKeys) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += fmt::format("\"k{}\":{},", i, i);
  EXPECT_EQ(parse(text + "\"k\":0}").size(), 1001u);
  for (const int twice : {0, 7, 8, 9, 999}) {
    EXPECT_TRUE(refuses([&] { parse(text + fmt::format("\"k{}\":0}}", twice)); }, Errc::corrupt, "twice")) << twice;
  }
}

TEST(Json, KeysOfAnEarlierObjectAreForgotten) {
  std::string text = "[";
  for (int i = 0; i < 20; ++i) {
    text += "{";
    for (int k = 0; k < 20; ++k) text += fmt::format("{}\"k{}\":0", k == 0 ? "" : ",", k);
    text += i == 19 ? "}]" : "},";
  }
  EXPECT_EQ(parse(text).size(), 20u);
}

TEST(Json, DepthIsBoundedAt64) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_FALSE(error_of([&] { parse(nested(64)); }));
  EXPECT_TRUE(refuses([&] { parse(nested(65)); }, Errc::corrupt, "deeper than 64"));
  EXPECT_TRUE(refuses([&] { parse(std::string(10'000'000, '[')); }, Errc::corrupt, "deeper than 64"));
}

TEST(Json, ErrorsHaveFileAndOffset) {
  const auto error = error_of([] { parse_json("{\"a\": 1, \"a\": 2}", "f.json", 100); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->where().file, "f.json");
  EXPECT_EQ(error->where().offset, 100u + 11);  // the end of the second key
  const auto syntax = error_of([] { parse_json("[1, 2, x]", "f.json"); });
  ASSERT_TRUE(syntax);
  EXPECT_EQ(syntax->where().offset, 7u);
}

TEST(Json, EveryTruncationIsRefused) {
  const std::string_view text = R"({"a":[1,2.5e3,"x\u00e9\n"],"b":{"c":null,"d":true},"e":-7})";
  EXPECT_FALSE(error_of([&] { parse(text); }));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_TRUE(refuses([&] { parse(text.substr(0, size)); }, Errc::corrupt)) << size;
  }
}

TEST(Json, LargeObjectsTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\"tensor.{}\":\"file\"", i == 0 ? "" : ",", i);
  text += "}";
  const test::Stopwatch watch;
  EXPECT_EQ(parse(text).size(), 200'000u);
  const double took = watch.seconds();
  EXPECT_LT(took, 5.0);
}

// Clearing the set of keys cost as much for each small object as for the largest before it.
TEST(Json, SmallObjectsAfterALargeOneTakeLinearTime) {
  std::string text = "[{";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\"k{}\":0", i == 0 ? "" : ",", i);
  text += "}";
  for (int i = 0; i < 400'000; ++i) text += ",{}";
  text += "]";
  const test::Stopwatch watch;
  EXPECT_EQ(parse(text).size(), 400'001u);
  const double took = watch.seconds();
  EXPECT_LT(took, 10.0);  // a fraction of a second; more than ten before
}

}  // namespace
}  // namespace transload::wire
