// generation_config.json as it follows from config.json.
#include "generation_config.h"

#include <gtest/gtest.h>

namespace transload::cli {
namespace {

// Found by fuzz_sidecars: the JSON library's own exception came out.
TEST(GenerationConfig, AModelTypeThatIsNoTextIsOneThatIsNotKnown) {
  const auto without = generation_config({}, R"({"architectures": ["BertForMaskedLM"]})");
  const auto number = generation_config({}, R"({"architectures": ["BertForMaskedLM"], "model_type": 5})");
  ASSERT_TRUE(without && number);
  EXPECT_EQ(number->bytes, without->bytes);
  const auto bert = generation_config({}, R"({"architectures": ["BertForMaskedLM"], "model_type": "bert"})");
  ASSERT_TRUE(bert);
  EXPECT_NE(bert->bytes, without->bytes);
  EXPECT_FALSE(generation_config({}, R"({"architectures": "BertForMaskedLM"})"));
}

}  // namespace
}  // namespace transload::cli
