// Vocabularies in files of their own, as transformers' BertTokenizer, RobertaTokenizer and GPT2Tokenizer read them.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/text.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/pipeline.h"
#include "transload/error.h"
#include "wire/json.h"

namespace transload {
namespace {

using namespace tokenizer;

Where in(const std::string& file) { return {.file = file, .offset = {}, .tensor = {}}; }

// What tokenizer_config.json says beside a vocabulary; the defaults are transformers'.
struct Config {
  bool lower_case = true;
  bool chinese = true;
  std::optional<bool> strip_accents{};
  bool add_prefix_space = false;
  std::set<std::string> special{};  // every special or added token that it names
  std::string file{};
};

// A token is a text, or an object with the text as its content.
std::string content_of(const wire::Json& token, const std::string& file) {
  if (token.is_string()) return token.get<std::string>();
  return Fields(token, "token", file).text("content");
}

Config read_config(const Source& source) {
  Config config{.file = source.name()};
  const wire::Json json = wire::parse_json(read_text(source), config.file);
  const Fields fields(json, "configuration", config.file);
  config.lower_case = fields.flag("do_lower_case", config.lower_case);
  config.chinese = fields.flag("tokenize_chinese_chars", config.chinese);
  if (fields.find("strip_accents") != nullptr) config.strip_accents = fields.flag("strip_accents");
  config.add_prefix_space = fields.flag("add_prefix_space", config.add_prefix_space);
  if (!fields.flag("do_basic_tokenize", true)) fields.unsupported("has no do_basic_tokenize");
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    if (const wire::Json* token = fields.find(key)) config.special.insert(content_of(*token, config.file));
  }
  if (const wire::Json* list = fields.find("additional_special_tokens"); list != nullptr && list->is_array()) {
    for (const auto& token : *list) config.special.insert(content_of(token, config.file));
  }
  if (const wire::Json* added = fields.find("added_tokens_decoder"); added != nullptr && added->is_object()) {
    for (const auto& [id, token] : added->items()) config.special.insert(content_of(token, config.file));
  }
  return config;
}

// The special tokens of a vocabulary in files of its own are the usual ones.
void check_special(const Config& config, const std::vector<AddedToken>& usual) {
  for (const std::string& token : config.special) {
    if (std::ranges::find(usual, token, &AddedToken::content) != usual.end()) continue;
    throw Error(Errc::unsupported, fmt::format("the special token '{}' is not one of the usual", shortened(token)),
                in(config.file), "save the tokenizer as tokenizer.json");
  }
}

std::uint32_t required(const Vocabulary& vocabulary, std::string_view token, const std::string& file) {
  const auto id = vocabulary.find(token);
  if (!id) throw Error(Errc::corrupt, fmt::format("the vocabulary lacks the token {}", token), in(file));
  return *id;
}

std::unique_ptr<Tokenizer> bpe(const Source& vocab_json, const Source& merges_txt, const Config& config) {
  const std::string& file = vocab_json.name();
  Vocabulary vocabulary = vocabulary_from(wire::parse_json(read_text(vocab_json), file), file);
  Parts parts{.kind = "byte-level BPE", .splitters = {ByteLevel{.add_prefix_space = config.add_prefix_space}}};
  if (vocabulary.find("<s>")) {  // RoBERTa
    parts.before = {required(vocabulary, "<s>", file)};
    parts.after = {required(vocabulary, "</s>", file)};
    for (const char* token : {"<s>", "<pad>", "</s>", "<unk>"}) {
      parts.added.push_back({.content = token, .id = required(vocabulary, token, file), .normalized = true});
    }
    if (const auto mask = vocabulary.find("<mask>")) {
      parts.added.push_back({.content = "<mask>", .id = *mask, .lstrip = true});
    }
  } else {  // GPT-2
    constexpr const char* kEnd = "<|endoftext|>";
    parts.added.push_back({.content = kEnd, .id = required(vocabulary, kEnd, file), .normalized = true});
  }
  check_special(config, parts.added);
  const std::string merges = read_text(merges_txt);
  parts.model =
      make_bpe(std::move(vocabulary), {.merges = merges_from_lines(merges, merges_txt.name())}, merges_txt.name());
  return make_tokenizer(std::move(parts), file);
}

std::unique_ptr<Tokenizer> wordpiece(const Source& vocab_txt, const Config& config) {
  const std::string& file = vocab_txt.name();
  const std::string text = read_text(vocab_txt);
  std::vector<Vocabulary::Entry> entries;
  for (const std::string_view line : lines_of(text)) {
    // Python would end a line there, the tokenizers library would not.
    if (line.find('\r') != line.npos) {
      throw Error(Errc::corrupt, fmt::format("line {} has a carriage return inside", entries.size() + 1), in(file));
    }
    entries.emplace_back(line, static_cast<std::uint32_t>(entries.size()));
  }
  Vocabulary vocabulary(std::move(entries), file);
  Parts parts{.kind = "WordPiece", .splitters = {BertSplit{}}};
  parts.normalizers = {BertNormalizer{.chinese = config.chinese,
                                      .strip_accents = config.strip_accents.value_or(config.lower_case),
                                      .lower_case = config.lower_case}};
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) {
    parts.added.push_back({.content = token, .id = required(vocabulary, token, file)});
  }
  if (const auto mask = vocabulary.find("[MASK]")) parts.added.push_back({.content = "[MASK]", .id = *mask});
  check_special(config, parts.added);
  parts.before = {required(vocabulary, "[CLS]", file)};
  parts.after = {required(vocabulary, "[SEP]", file)};
  parts.model = make_wordpiece(std::move(vocabulary), {}, file);
  return make_tokenizer(std::move(parts), file);
}

}  // namespace

std::unique_ptr<Tokenizer> byte_level_bpe(const Source& vocab_json, const Source& merges_txt) {
  return bpe(vocab_json, merges_txt, Config{});
}

std::unique_ptr<Tokenizer> wordpiece(const Source& vocab_txt, bool lower_case) {
  return wordpiece(vocab_txt, Config{.lower_case = lower_case});
}

std::unique_ptr<Tokenizer> find_tokenizer(const Store& folder) {
  if (folder.exists("tokenizer.json")) return tokenizer_from_json(*folder.open("tokenizer.json"));
  const bool pairs = folder.exists("vocab.json") && folder.exists("merges.txt");
  if (!pairs && !folder.exists("vocab.txt")) return nullptr;
  if (folder.exists("added_tokens.json")) {
    throw Error(Errc::unsupported, "tokens that were added to a vocabulary in files of its own",
                in(folder.describe("added_tokens.json")), "save the tokenizer as tokenizer.json");
  }
  const Config config =
      folder.exists("tokenizer_config.json") ? read_config(*folder.open("tokenizer_config.json")) : Config{};
  if (pairs) return bpe(*folder.open("vocab.json"), *folder.open("merges.txt"), config);
  return wordpiece(*folder.open("vocab.txt"), config);
}

}  // namespace transload
