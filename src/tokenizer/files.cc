// Vocabularies in files of their own, as transformers' BertTokenizer, RobertaTokenizer and GPT2Tokenizer read them.
#include <fmt/format.h>

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tokenizer/json_fields.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/special_tokens.h"
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
  std::vector<std::pair<std::string, wire::Json>> files{};  // by their names, for the special tokens that they name
};

Config read_config(const Store& folder) {
  Config config;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!folder.exists(name)) continue;
    const auto source = folder.open(name);
    config.files.emplace_back(source->name(), wire::parse_json(read_text(*source), source->name()));
    const auto& [file, json] = config.files.back();
    const Fields fields(json, "configuration", file);
    if (name == std::string_view("special_tokens_map.json")) continue;
    config.lower_case = fields.flag("do_lower_case", config.lower_case);
    config.chinese = fields.flag("tokenize_chinese_chars", config.chinese);
    if (fields.find("strip_accents") != nullptr) config.strip_accents = fields.flag("strip_accents");
    config.add_prefix_space = fields.flag("add_prefix_space", config.add_prefix_space);
    if (!fields.flag("do_basic_tokenize", true)) fields.unsupported("has no do_basic_tokenize");
    if (fields.flag("add_bos_token", false)) fields.unsupported("has an add_bos_token");
  }
  return config;
}

void check_special(const Config& config, std::span<const Role> roles, const Parts& parts) {
  for (const auto& [file, json] : config.files) {
    check_special_tokens(json, roles, parts.added, !parts.normalizers.empty(), file);
  }
}

constexpr Role kRobertaRoles[] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"unk_token", "<unk>"},
                                  {"sep_token", "</s>"},   {"pad_token", "<pad>"}, {"cls_token", "<s>"},
                                  {"mask_token", "<mask>"}};
constexpr std::string_view kGpt2End = "<|endoftext|>";
constexpr Role kGpt2Roles[] = {{"bos_token", kGpt2End}, {"eos_token", kGpt2End}, {"unk_token", kGpt2End},
                               {"sep_token", {}},       {"pad_token", {}},       {"cls_token", {}},
                               {"mask_token", {}}};
constexpr Role kBertRoles[] = {{"bos_token", {}},       {"eos_token", {}},      {"unk_token", "[UNK]"},
                               {"sep_token", "[SEP]"},  {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"},
                               {"mask_token", "[MASK]"}};

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
    parts.added.push_back(
        {.content = std::string(kGpt2End), .id = required(vocabulary, kGpt2End, file), .normalized = true});
  }
  check_special(config, parts.before.empty() ? std::span<const Role>(kGpt2Roles) : kRobertaRoles, parts);
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
  check_special(config, kBertRoles, parts);
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
  const Config config = read_config(folder);
  if (pairs) return bpe(*folder.open("vocab.json"), *folder.open("merges.txt"), config);
  return wordpiece(*folder.open("vocab.txt"), config);
}

}  // namespace transload
