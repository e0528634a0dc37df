// The ids that the real transformers and tokenizers give, from tests/golden/tokenizer/make.py.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/files.h"
#include "support/memory_store.h"
#include "transload/tokenizer.h"

namespace transload {
namespace {

using testing::golden;
using testing::MemoryStore;
using testing::read_file;

std::shared_ptr<Source> file(std::string_view name) { return open_file(golden("tokenizer") / name); }

void expect_golden_ids(const Tokenizer& tokenizer, const char* name) {
  const auto expected = nlohmann::json::parse(read_file(golden("tokenizer/expected.json")));
  const auto& texts = expected.at("texts");
  ASSERT_GT(texts.size(), 100u);
  ASSERT_EQ(expected.at(name).size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(texts[i].get<std::string>()), expected[name][i].get<std::vector<std::int64_t>>())
        << "text " << i << ": " << texts[i];
  }
}

TEST(TokenizerGolden, Roberta) {
  const auto tokenizer = byte_level_bpe(*file("vocab.json"), *file("merges.txt"));
  expect_golden_ids(*tokenizer, "roberta");
  EXPECT_EQ(tokenizer->kind(), "byte-level BPE");
  EXPECT_EQ(tokenizer->size(), 900);
  EXPECT_EQ(tokenizer->pad(), 1);
}

TEST(TokenizerGolden, Bert) {
  const auto tokenizer = wordpiece(*file("vocab.txt"), true);
  expect_golden_ids(*tokenizer, "bert");
  EXPECT_EQ(tokenizer->kind(), "WordPiece");
  EXPECT_EQ(tokenizer->pad(), 0);
}

TEST(TokenizerGolden, BertCased) { expect_golden_ids(*wordpiece(*file("vocab.txt"), false), "bert_cased"); }

TEST(TokenizerGolden, BpeInTokenizerJson) {
  expect_golden_ids(*tokenizer_from_json(*file("bpe_json.json")), "bpe_json");
}

TEST(TokenizerGolden, WordPieceInTokenizerJson) {
  expect_golden_ids(*tokenizer_from_json(*file("wordpiece_json.json")), "wordpiece_json");
}

// What a folder holds decides: the best file of several, with its configuration.
TEST(FindTokenizer, TakesWhatLiesThere) {
  const auto text = [](std::string_view name) { return read_file(golden("tokenizer") / name); };
  MemoryStore folder;
  EXPECT_EQ(find_tokenizer(folder), nullptr);
  folder.put("vocab.json", text("vocab.json"));
  EXPECT_EQ(find_tokenizer(folder), nullptr);
  folder.put("vocab.txt", text("vocab.txt"));
  expect_golden_ids(*find_tokenizer(folder), "bert");
  folder.put("tokenizer_config.json", R"({"do_lower_case": false, "mask_token": "[MASK]"})");
  expect_golden_ids(*find_tokenizer(folder), "bert_cased");
  folder.put("merges.txt", text("merges.txt"));
  folder.put("tokenizer_config.json", R"({"add_prefix_space": true,
    "mask_token": {"content": "<mask>", "lstrip": true, "rstrip": false, "single_word": false, "normalized": false}})");
  expect_golden_ids(*find_tokenizer(folder), "roberta_prefix_space");
  folder.put("tokenizer.json", text("wordpiece_json.json"));
  expect_golden_ids(*find_tokenizer(folder), "wordpiece_json");
}

// GluonNLP's Vocab.to_json() lists the tokens in the order of their ids.
TEST(TokenizerGolden, AVocabularyOfGluonNlp) {
  const auto ids = nlohmann::json::parse(read_file(golden("tokenizer/vocab.json")));
  std::vector<std::string> tokens(ids.size());
  for (const auto& [token, id] : ids.items()) tokens[id.get<std::size_t>()] = token;
  const nlohmann::json gluon{{"unknown_token", "<unk>"}, {"idx_to_token", tokens}, {"token_to_idx", ids}};
  const auto vocabulary = memory_source("gluon.vocab", testing::to_bytes(gluon.dump()));
  expect_golden_ids(*byte_level_bpe(*vocabulary, *file("merges.txt")), "roberta");
}

}  // namespace
}  // namespace transload
