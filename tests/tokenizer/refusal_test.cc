// What a vocabulary must not be, and what is never slow.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "support/errors.h"
#include "support/memory_store.h"
#include "support/stopwatch.h"
#include "transload/tokenizer.h"

namespace transload {
namespace {

using nlohmann::json;
using testing::MemoryStore;
using testing::refuses;

std::shared_ptr<Source> source(std::string name, std::string_view text) {
  return memory_source(std::move(name), testing::to_bytes(text));
}

std::unique_ptr<Tokenizer> bpe(std::string_view vocab, std::string_view merges) {
  return byte_level_bpe(*source("vocab.json", vocab), *source("merges.txt", merges));
}
std::unique_ptr<Tokenizer> bert(std::string_view vocab) { return wordpiece(*source("vocab.txt", vocab), true); }

constexpr const char* kSpecial = R"("<s>":0,"<pad>":1,"</s>":2,"<unk>":3)";
constexpr const char* kBert = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";

TEST(TokenizerRefuses, VocabulariesThatContradictThemselves) {
  const std::string begin = std::string("{") + kSpecial;
  for (const auto& [rest, why] : std::vector<std::pair<std::string, std::string>>{
           {R"(,"a":4,"b":4})", "two tokens have the id 4"},
           {R"(,"a":4,"a":5})", "'a'"},
           {R"(,"a":-1})", "the id of 'a'"},
           {R"(,"a":4.0})", "the id of 'a'"},
           {R"(,"a":"4"})", "the id of 'a'"},
           {R"(,"a":4294967296})", "the id of 'a'"},
       }) {
    EXPECT_TRUE(refuses([&, &end = rest] { bpe(begin + end, ""); }, Errc::corrupt, why)) << rest;
  }
  EXPECT_TRUE(refuses([] { bpe(R"({"<s>":0})", ""); }, Errc::corrupt, "lacks the token </s>"));
  EXPECT_TRUE(refuses([] { bpe(R"({"a":0})", ""); }, Errc::corrupt, "lacks the token <|endoftext|>"));
  EXPECT_TRUE(refuses([] { bpe("[]", ""); }, Errc::corrupt, "object"));
  EXPECT_TRUE(refuses([] { bpe(R"({"idx_to_token":["a",1]})", ""); }, Errc::corrupt, "idx_to_token"));
  EXPECT_TRUE(refuses([] { bert(std::string(kBert) + "a\na\n"); }, Errc::corrupt, "'a' has two ids, 4 and 5"));
  EXPECT_TRUE(refuses([] { bert("a\nb\n"); }, Errc::corrupt, "lacks the token [PAD]"));
  EXPECT_TRUE(refuses([] { bert(std::string(kBert) + "\xFF\n"); }, Errc::corrupt, "UTF-8"));
  EXPECT_TRUE(refuses([] { bert(std::string(kBert) + "a\rb\n"); }, Errc::corrupt, "line 5"));
  EXPECT_EQ(bert("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na")->encode("a"), (std::vector<std::int64_t>{2, 4, 3}));
  EXPECT_TRUE(refuses([] { bert(""); }, Errc::corrupt, "lacks the token [PAD]"));
}

TEST(TokenizerRefuses, MergesThatMakeNothing) {
  const std::string vocab = std::string("{") + kSpecial + R"(,"a":4,"b":5,"ab":6})";
  EXPECT_EQ(bpe(vocab, "#version: 0.2\r\na b\r\n")->encode("ab"), (std::vector<std::int64_t>{0, 6, 2}));
  for (const auto& [merges, why] : std::vector<std::pair<std::string, std::string>>{
           {"a c\n", "names a token that the vocabulary lacks"},
           {"a a\n", "makes a token that the vocabulary lacks"},
           {"a b\na b\n", "merges 1 and 2 are the same"},
           {"ab\n", "line 1"},
           {"a b\na  b\n", "line 2"},
           {"a b\n\n", "line 2"},
       }) {
    EXPECT_TRUE(refuses([&, &text = merges] { bpe(vocab, text); }, Errc::corrupt, why)) << merges;
  }
}

TEST(TokenizerRefuses, TextsWithoutIds) {
  const auto tokenizer = bpe(std::string("{") + kSpecial + R"(,"a":4})", "");
  EXPECT_EQ(tokenizer->encode("a"), (std::vector<std::int64_t>{0, 4, 2}));
  EXPECT_TRUE(refuses([&] { tokenizer->encode("ab"); }, Errc::usage, "no token for 'b'"));
  for (const char* text : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE2\x82"}) {
    EXPECT_TRUE(refuses([&] { tokenizer->encode(text); }, Errc::usage, "UTF-8")) << testing::to_bytes(text).size();
    EXPECT_TRUE(refuses([&] { bert(kBert)->encode(text); }, Errc::usage, "UTF-8"));
  }
}

// A tokenizer.json that is read, to be damaged.
json small_json() {
  return json::parse(R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": false, "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                   "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "[C]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "special_tokens": {"[C]": {"id": "[C]", "ids": [1], "tokens": ["[C]"]}}},
    "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "[C]": 1, "a": 2, "##b": 3}}})");
}

std::unique_ptr<Tokenizer> from_json(const json& value) {
  return tokenizer_from_json(*source("tokenizer.json", value.dump()));
}

TEST(TokenizerJson, IsRead) {
  const auto tokenizer = from_json(small_json());
  EXPECT_EQ(tokenizer->encode("AB a x"), (std::vector<std::int64_t>{1, 2, 3, 2, 0}));
  EXPECT_EQ(tokenizer->size(), 4);
  EXPECT_EQ(tokenizer->pad(), -1);
}

TEST(TokenizerJson, OlderFilesDoNotNameTheModel) {
  json old = small_json();
  old["model"].erase("type");
  EXPECT_EQ(from_json(old)->kind(), "WordPiece");
}

TEST(TokenizerJson, ThePaddingTokenMayHaveAnyName) {
  json padded = small_json();
  padded["padding"] = {{"strategy", "BatchLongest"}, {"pad_id", 2}, {"pad_token", "a"}};
  EXPECT_EQ(from_json(padded)->pad(), 2);
}

TEST(TokenizerJson, RefusesWhatItDoesNotKnowByName) {
  using Damage = std::function<void(json&)>;
  const std::vector<std::pair<Damage, std::string>> kinds{
      {[](json& j) { j["version"] = "2.0"; }, "version"},
      {[](json& j) {
         j["normalizer"] = {{"type", "NFKC"}};
       },
       "the normalizer is of the kind 'NFKC'"},
      {[](json& j) {
         j["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Replace"}}}}};
       },
       "'Replace'"},
      {[](json& j) {
         j["normalizer"] = {{"type", "Sequence"}, {"normalizers", json(9, {{"type", "NFD"}})}};
       },
       "steps"},
      {[](json& j) {
         j["pre_tokenizer"] = {{"type", "Metaspace"}};
       },
       "the pre_tokenizer is of the kind 'Metaspace'"},
      {[](json& j) {
         j["post_processor"] = {{"type", "Sequence"}};
       },
       "the post_processor is of the kind 'Sequence'"},
      {[](json& j) { j["post_processor"]["single"].push_back(j["post_processor"]["single"][1]); }, "once"},
      {[](json& j) { j["model"]["type"] = "Unigram"; }, "the model is of the kind 'Unigram'"},
      {[](json& j) { j["model"]["max_input_chars_per_word"] = 257; }, "257 characters"},
      {[](json& j) {
         j["model"] = {{"type", "BPE"}, {"vocab", {{"a", 0}}}, {"merges", json::array()}};
       },
       "characters"},
      {[](json& j) {
         j["added_tokens"][0]["content"] = "";
         j["added_tokens"][0]["id"] = 4;
       },
       "empty"},
      {[](json& j) {
         j["added_tokens"][0]["content"] = " x";
         j["added_tokens"][0]["id"] = 4;
         j["added_tokens"][0]["lstrip"] = true;
       },
       "begins with white space, and has 'lstrip'"},
      {[](json& j) {
         j["added_tokens"][0]["rstrip"] = true;
         json other = j["added_tokens"][0];
         other["content"] = "\u3000", other["id"] = 4, other["rstrip"] = false;
         j["added_tokens"].push_back(other);
       },
       "begins with white space, and there is one with 'rstrip'"},
      {[](json& j) {
         j["added_tokens"][0]["content"] = std::string(257, 'x');
         j["added_tokens"][0]["id"] = 4;
       },
       "longer than 256"},
  };
  for (const auto& [damage, why] : kinds) {
    json damaged = small_json();
    damage(damaged);
    EXPECT_TRUE(refuses([&] { from_json(damaged); }, Errc::unsupported, why)) << why;
  }
  for (const char* key : {"byte_fallback", "ignore_merges", "dropout", "end_of_word_suffix"}) {
    json bytes = small_json();
    bytes["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
    bytes["model"] = {{"type", "BPE"}, {"vocab", {{"[UNK]", 0}, {"[C]", 1}}}, {"merges", json::array()}};
    EXPECT_EQ(from_json(bytes)->kind(), "byte-level BPE");
    bytes["model"][key] = key == std::string("dropout") ? json(0.1) : key[0] == 'e' ? json("</w>") : json(true);
    EXPECT_TRUE(refuses([&] { from_json(bytes); }, Errc::unsupported, key));
  }
}

TEST(TokenizerJson, RefusesWhatContradictsItself) {
  using Damage = std::function<void(json&)>;
  const std::vector<std::pair<Damage, std::string>> damages{
      {[](json& j) { j = json::array(); }, "no object"},
      {[](json& j) { j.erase("model"); }, "lacks 'model'"},
      {[](json& j) { j["model"].erase("vocab"); }, "lacks 'vocab'"},
      {[](json& j) { j["model"]["vocab"]["b"] = 3; }, "two tokens have the id 3"},
      {[](json& j) { j["added_tokens"][0]["id"] = 7; }, "'[UNK]' has the id 7"},
      {[](json& j) { j["added_tokens"][0]["lstrip"] = 1; }, "'lstrip' is neither"},
      {[](json& j) { j["added_tokens"].push_back(j["added_tokens"][0]); }, "has two ids"},
      {[](json& j) { j["normalizer"].erase("lowercase"); }, "lacks 'lowercase'"},
      {[](json& j) { j["post_processor"]["special_tokens"] = json::object(); }, "lacks '[C]'"},
      {[](json& j) { j["post_processor"]["special_tokens"]["[C]"]["ids"] = {2}; }, "gives '[C]' the id 2"},
      {[](json& j) {
         j["post_processor"]["special_tokens"]["[C]"]["ids"] = {1, 1};
       },
       "another number"},
      {[](json& j) {
         j["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"a", 1}}};
       },
       "gives 'a' the id 1"},
      {[](json& j) {
         j["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"a"}}};
       },
       "'cls'"},
  };
  for (const auto& [damage, why] : damages) {
    json damaged = small_json();
    damage(damaged);
    EXPECT_TRUE(refuses([&] { from_json(damaged); }, Errc::corrupt, why)) << why;
  }
}

TEST(FindTokenizer, RefusesTokensThatOnlyTheConfigurationKnows) {
  MemoryStore folder("vocab.txt", std::string(kBert) + "a\n");
  EXPECT_EQ(find_tokenizer(folder)->encode("a"), (std::vector<std::int64_t>{2, 4, 3}));
  for (const auto& [config, why] : std::vector<std::pair<std::string, std::string>>{
           {R"({"cls_token": "<s>"})", "cls_token: '<s>' is not one of the usual"},
           {R"({"mask_token": {"content": "[MASK]"}})", "mask_token: '[MASK]' is not one of the usual"},
           {R"({"added_tokens_decoder": {"5": {"content": "new"}}})", "added_tokens_decoder: 'new'"},
           {R"({"additional_special_tokens": ["new"]})", "additional_special_tokens: 'new'"},
           {R"({"do_basic_tokenize": false})", "do_basic_tokenize"},
           {R"({"add_bos_token": true})", "add_bos_token"},
       }) {
    folder.put("tokenizer_config.json", config);
    EXPECT_TRUE(refuses([&] { find_tokenizer(folder); }, Errc::unsupported, why)) << config;
  }
  folder.put("tokenizer_config.json", R"({"do_lower_case": "yes"})");
  EXPECT_TRUE(refuses([&] { find_tokenizer(folder); }, Errc::corrupt, "do_lower_case"));
  folder.put("added_tokens.json", "{}");
  EXPECT_TRUE(refuses([&] { find_tokenizer(folder); }, Errc::unsupported, "added_tokens.json"));
}

TEST(FindTokenizer, RefusesOtherFlagsRolesAndIdsThanTheUsual) {
  const auto mask = [](const char* key, bool lstrip, bool rstrip) {
    const json token{{"content", "<mask>"}, {"lstrip", lstrip}, {"rstrip", rstrip}, {"single_word", false}};
    return json{{key[0] == 'm' ? "mask_token" : "added_tokens_decoder", key[0] == 'm' ? token : json{{key, token}}}};
  };
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    MemoryStore folder("vocab.json", std::string("{") + kSpecial + R"(,"<mask>":4,"a":5,"Ġ":6})");
    folder.put("merges.txt", "");
    for (const json& fine : {mask("mask", true, false), mask("4", true, false), json{{"bos_token", "<s>"}}}) {
      folder.put(name, fine.dump());
      EXPECT_EQ(find_tokenizer(folder)->encode("a <mask>"), (std::vector<std::int64_t>{0, 5, 4, 2})) << fine;
    }
    for (const auto& [damage, why] : std::vector<std::pair<json, std::string>>{
             {mask("mask", false, false), "'<mask>' with another 'lstrip' than true"},
             {mask("4", true, true), "'<mask>' with another 'rstrip' than false"},
             {mask("3", true, false), "the id 3 for '<mask>'"},
             {{{"cls_token", "<pad>"}}, "another cls_token than '<s>'"},
             {{{"unk_token", "<pad>"}}, "another unk_token than '<unk>'"},
             {{{"pad_token", nullptr}}, "no pad_token"},
             {{{"additional_special_tokens", {"a"}}}, "additional_special_tokens: 'a' is not one of the usual"},
             {{{"additional_special_tokens", {"<mask>"}}}, "'<mask>' without its flags"},
         }) {
      folder.put(name, damage.dump());
      EXPECT_TRUE(refuses([&] { find_tokenizer(folder); }, Errc::unsupported, why)) << damage;
    }
  }
  MemoryStore folder("vocab.txt", kBert);
  folder.put("special_tokens_map.json", R"({"cls_token": "[SEP]", "sep_token": "[CLS]"})");
  EXPECT_TRUE(refuses([&] { find_tokenizer(folder); }, Errc::unsupported, "another sep_token than '[SEP]'"));
}

// One word of a million letters that merge to ever longer ones, as a naive search for the best pair cannot do it.
TEST(TokenizerSpeed, AWordOfAMegabyteIsQuick) {
  std::string vocab = std::string("{") + kSpecial, merges, token = "a";
  int id = 4;
  vocab += fmt::format(R"(,"a":{})", id++);
  for (int i = 0; i < 10; ++i) {
    merges += fmt::format("{0} {0}\n", token);
    token += token;
    vocab += fmt::format(R"(,"{}":{})", token, id++);
  }
  const auto tokenizer = bpe(vocab + "}", merges);
  const std::string text(1 << 20, 'a');
  const test::Stopwatch watch;
  EXPECT_EQ(tokenizer->encode(text).size(), 2u + 1024u);
  EXPECT_LT(watch.seconds(), 1.0);
}

TEST(TokenizerSpeed, MegabytesOfSpacesMarksAndMasksAreQuick) {
  const auto tokenizer = bert(std::string(kBert) + "[MASK]\na\n##a\n");
  const auto bytes = bpe(std::string("{") + kSpecial + R"(,"<mask>":4,"a":5,"Ġ":6,"Ì":7,"Ģ":8})", "");
  std::string marks, masks;
  while (marks.size() < 1 << 20) marks += "\u0300";
  while (masks.size() < 1 << 20) masks += " <mask>";
  const std::string spaces(1 << 20, ' ');
  const std::string word(1 << 20, 'a');
  const test::Stopwatch watch;
  EXPECT_EQ(bytes->encode(spaces + "<mask>").size(), 3u);
  EXPECT_EQ(bytes->encode(masks).size(), 2u + masks.size() / 7);
  EXPECT_EQ(bytes->encode(spaces).size(), 2u + spaces.size());
  EXPECT_EQ(bytes->encode(marks).size(), 2u + marks.size());
  EXPECT_EQ(tokenizer->encode(marks).size(), 2u);
  EXPECT_EQ(tokenizer->encode(spaces).size(), 2u);
  EXPECT_EQ(tokenizer->encode(word), (std::vector<std::int64_t>{2, 1, 3}));
  EXPECT_LT(watch.seconds(), 3.0);
}

}  // namespace
}  // namespace transload
