// tokenizer.json, the tokenizers library's own file (format version 1.0).
#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/pipeline.h"
#include "transload/error.h"

namespace transload {
namespace {

using namespace tokenizer;
using wire::Json;

constexpr std::size_t kMostSteps = 8;  // each may make the text longer

// The steps of `json`: those inside a Sequence, whose list has the name `list`, or the one that it is.
template <class Step>
void read_steps(const Json& json, std::string_view what, std::string_view list, const std::string& file,
                Step (*read)(const Fields&, const std::string&), std::vector<Step>& steps) {
  const Fields fields(json, what, file);
  const std::string type = fields.text("type");
  if (type == "Sequence") {
    for (const Json& step : fields.array(list)) read_steps(step, what, list, file, read, steps);
    return;
  }
  steps.push_back(read(fields, type));
  if (steps.size() > kMostSteps) fields.unsupported(fmt::format("has more than {} steps", kMostSteps));
}

Normalizer read_normalizer(const Fields& fields, const std::string& type) {
  if (type == "Lowercase") return Lowercase{};
  if (type == "NFD") return Nfd{};
  if (type != "BertNormalizer") fields.unsupported(fmt::format("is of the kind '{}'", shortened(type)));
  const bool lower_case = fields.flag("lowercase");
  return BertNormalizer{.clean_text = fields.flag("clean_text"),
                        .chinese = fields.flag("handle_chinese_chars"),
                        .strip_accents = fields.flag("strip_accents", lower_case),
                        .lower_case = lower_case};
}

Splitter read_splitter(const Fields& fields, const std::string& type) {
  if (type == "BertPreTokenizer") return BertSplit{};
  if (type != "ByteLevel") fields.unsupported(fmt::format("is of the kind '{}'", shortened(type)));
  return ByteLevel{.add_prefix_space = fields.flag("add_prefix_space"), .split = fields.flag("use_regex", true)};
}

Merges read_merges(const Fields& fields) {
  const Json& list = fields.array("merges");
  Merges merges;
  merges.reserve(list.size());
  for (const Json& merge : list) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    if (!merge.is_string()) fields.corrupt("has a merge that is neither a text nor a pair of texts");
    const auto& text = merge.get_ref<const std::string&>();
    if (text.starts_with("#version")) continue;
    const std::size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos) {
      fields.corrupt(fmt::format("has the merge '{}', which is not two tokens", shortened(text)));
    }
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

// Older files do not name the model's kind.
std::string model_type(const Fields& fields) {
  if (fields.find("type") != nullptr) return fields.text("type");
  if (fields.find("merges") != nullptr) return "BPE";
  return fields.find("max_input_chars_per_word") != nullptr ? "WordPiece" : "of no name";
}

void read_model(const Json& json, const std::string& file, Parts& parts) {
  const Fields fields(json, "model", file);
  const std::string type = model_type(fields);
  if (type == "WordPiece") {
    const Json& longest = fields.at("max_input_chars_per_word");
    if (!longest.is_number_unsigned()) fields.corrupt("has a max_input_chars_per_word that is no count");
    parts.kind = "WordPiece";
    parts.model = make_wordpiece(vocabulary_from(fields.at("vocab"), file),
                                 {.unknown = fields.text("unk_token"),
                                  .prefix = fields.text("continuing_subword_prefix"),
                                  .longest = longest.get<std::uint64_t>()},
                                 file);
    return;
  }
  if (type != "BPE") fields.unsupported(fmt::format("is of the kind '{}'", shortened(type)));
  for (const char* key : {"byte_fallback", "ignore_merges"}) {
    if (fields.flag(key, false)) fields.unsupported(fmt::format("has '{}'", key));
  }
  if (const Json* dropout = fields.find("dropout"); dropout != nullptr && *dropout != 0) {
    fields.unsupported("drops merges by chance ('dropout')");
  }
  if (!fields.text("end_of_word_suffix", "").empty()) fields.unsupported("has an 'end_of_word_suffix'");
  const bool bytes = std::ranges::any_of(parts.splitters,
                                         [](const Splitter& step) { return std::holds_alternative<ByteLevel>(step); });
  if (!bytes) fields.unsupported("is a BPE over characters: its pre_tokenizer is not ByteLevel");
  parts.kind = "byte-level BPE";
  parts.model = make_bpe(vocabulary_from(fields.at("vocab"), file),
                         {.merges = read_merges(fields),
                          .unknown = fields.text("unk_token", ""),
                          .prefix = fields.text("continuing_subword_prefix", ""),
                          .fuse_unknown = fields.flag("fuse_unk", false)},
                         file);
}

std::optional<std::uint32_t> find(const Parts& parts, std::string_view token) {
  const auto added = std::ranges::find(parts.added, token, &AddedToken::content);
  return added != parts.added.end() ? added->id : parts.model->vocabulary().find(token);
}

// The library numbers them itself and only warns where the file says another id: here both must agree.
void read_added(const Json& list, const std::string& file, Parts& parts) {
  if (!list.is_array())
    throw Error(Errc::corrupt, "'added_tokens' is no list", {.file = file, .offset = {}, .tensor = {}});
  std::vector<AddedToken> special, others;
  std::vector<Vocabulary::Entry> seen;
  const std::uint64_t count = parts.model->vocabulary().count();
  std::uint64_t next = count;
  for (const Json& json : list) {
    const Fields fields(json, "added token", file);
    AddedToken token{.content = fields.text("content"),
                     .id = id_from(fields.at("id"), file, fields.text("content")),
                     .single_word = fields.flag("single_word"),
                     .lstrip = fields.flag("lstrip"),
                     .rstrip = fields.flag("rstrip"),
                     .normalized = fields.flag("normalized")};
    const auto known = parts.model->vocabulary().find(token.content);
    const std::uint64_t expected = known ? *known : next;
    if (token.id != expected) {
      fields.corrupt(fmt::format("'{}' has the id {}, but by the vocabulary it is {}", shortened(token.content),
                                 token.id, expected));
    }
    if (!known && expected < parts.model->vocabulary().end()) {
      fields.unsupported(fmt::format("'{}' falls into a gap between the vocabulary's ids", shortened(token.content)));
    }
    next = std::max(next, expected + 1);
    seen.emplace_back(token.content, token.id);
    (fields.flag("special") ? special : others).push_back(std::move(token));
  }
  Vocabulary(std::move(seen), file);  // refuses what occurs twice
  parts.added = std::move(special);
  std::ranges::move(others, std::back_inserter(parts.added));
}

// `id` must be the one of `token`.
void add_special(const Fields& fields, const Parts& parts, const Json& token, const Json& id,
                 std::vector<std::uint32_t>& ids) {
  if (!token.is_string()) fields.corrupt("has a token that is no text");
  const auto name = token.get<std::string>();
  ids.push_back(id_from(id, fields.file(), name));
  if (find(parts, name) != ids.back()) {
    fields.corrupt(fmt::format("gives '{}' the id {}, which the vocabulary does not", shortened(name), ids.back()));
  }
}

void read_template(const Fields& fields, Parts& parts) {
  const Json& special = fields.at("special_tokens");
  const Fields tokens(special, "post_processor's special_tokens", fields.file());
  bool sequence = false;
  for (const Json& piece : fields.array("single")) {
    const Fields names(piece, "post_processor's template", fields.file());
    if (const Json* text = names.find("Sequence")) {
      if (sequence || Fields(*text, "post_processor's sequence", fields.file()).text("id") != "A") {
        fields.unsupported("has a template for one text that does not hold that text once");
      }
      sequence = true;
      continue;
    }
    const std::string name = Fields(names.at("SpecialToken"), "post_processor's token", fields.file()).text("id");
    const Fields token(tokens.at(name), "post_processor's token", fields.file());
    const Json& ids = token.array("ids");
    const Json& texts = token.array("tokens");
    if (ids.size() != texts.size())
      fields.corrupt(fmt::format("has another number of ids than of tokens for '{}'", shortened(name)));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      add_special(fields, parts, texts[i], ids[i], sequence ? parts.after : parts.before);
    }
  }
  if (!sequence) fields.unsupported("has a template for one text that does not hold that text once");
}

void read_post_processor(const Json& json, const std::string& file, Parts& parts) {
  const Fields fields(json, "post_processor", file);
  const std::string type = fields.text("type");
  if (type == "ByteLevel") return;
  if (type == "TemplateProcessing") {
    read_template(fields, parts);
    return;
  }
  if (type != "RobertaProcessing" && type != "BertProcessing") {
    fields.unsupported(fmt::format("is of the kind '{}'", shortened(type)));
  }
  for (const auto& [key, ids] : {std::pair{"cls", &parts.before}, std::pair{"sep", &parts.after}}) {
    const Json& token = fields.array(key);
    if (token.size() != 2) fields.corrupt(fmt::format("has a '{}' that is not a token and its id", key));
    add_special(fields, parts, token[0], token[1], *ids);
  }
}

}  // namespace

std::unique_ptr<Tokenizer> tokenizer_from_json(const Source& tokenizer_json) {
  const std::string& file = tokenizer_json.name();
  const Json json = wire::parse_json(read_text(tokenizer_json), file);
  const Fields fields(json, "tokenizer", file);
  if (fields.text("version") != "1.0") fields.unsupported("has another version than 1.0");
  Parts parts;
  if (const Json* steps = fields.find("normalizer")) {
    read_steps(*steps, "normalizer", "normalizers", file, &read_normalizer, parts.normalizers);
  }
  if (const Json* steps = fields.find("pre_tokenizer")) {
    read_steps(*steps, "pre_tokenizer", "pretokenizers", file, &read_splitter, parts.splitters);
  }
  read_model(fields.at("model"), file, parts);
  if (const Json* list = fields.find("added_tokens")) read_added(*list, file, parts);
  if (const Json* json_post = fields.find("post_processor")) read_post_processor(*json_post, file, parts);
  if (const Json* padding = fields.find("padding")) parts.pad = Fields(*padding, "padding", file).text("pad_token", "");
  return make_tokenizer(std::move(parts), file);
}

}  // namespace transload
