#include "token_inputs.h"

#ifdef TRANSLOAD_PROOF

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/text.h"
#include "formats/confined_store.h"
#include "outputs/inputs.h"
#include "sidecars.h"
#include "token_ids.h"
#include "transload/error.h"
#include "transload/tokenizer.h"

namespace transload::cli {
namespace {

constexpr std::string_view kSampleText = "The Nymphenburg Palace is a beautiful palace in Munich!";

std::unique_ptr<Tokenizer> tokenizer_in(const fs::path& folder) {
  return folder.empty() ? nullptr : find_tokenizer(*open_confined_folder(folder));
}

std::unique_ptr<Tokenizer> tokenizer_at(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    std::unique_ptr<Tokenizer> found = tokenizer_in(path);
    if (!found) {
      throw Error(Errc::usage, "holds no vocabulary", {.file = path, .offset = {}, .tensor = {}},
                  "tokenizer.json, vocab.json with merges.txt, or vocab.txt");
    }
    return found;
  }
  const fs::path file(path);
  const std::shared_ptr<Source> source = open_file(file);
  if (file.extension() == ".txt") {
    // As find_tokenizer() does without a tokenizer_config.json: that of an uncased model has no capital letter.
    const std::string text = read_text_file(file).text;
    const bool capitals = text.find("\nA\n") != std::string::npos || text.find("\nThe\n") != std::string::npos;
    return wordpiece(*source, !capitals);
  }
  const std::shared_ptr<Store> beside = open_confined_folder(file.parent_path());
  if (file.filename() != "tokenizer.json" && beside->exists("merges.txt")) {
    return byte_level_bpe(*source, *beside->open("merges.txt"));
  }
  return tokenizer_from_json(*source);
}

std::unique_ptr<Tokenizer> tokenizer_beside(const Location& first, const Location& second) {
  std::unique_ptr<Tokenizer> found = tokenizer_in(first.folder);
  return found ? std::move(found) : tokenizer_in(second.folder);
}

TokenBatch encoded(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<std::int64_t> ids = tokenizer.encode(text);
  return batch_of(fmt::format("text ({} tokens)", ids.size()), {ids});
}

// Where a vocabulary lies beside either model, the sentence that the old Bort script compares by, if both models take
// what comes of it.
std::optional<TokenBatch> sample_text(const Location& first, const Location& second, std::int64_t vocabulary,
                                      std::int64_t positions) {
  try {
    const std::unique_ptr<Tokenizer> tokenizer = tokenizer_beside(first, second);
    if (!tokenizer) return std::nullopt;
    TokenBatch batch = encoded(*tokenizer, kSampleText);
    const bool fits =
        batch.length <= positions && std::ranges::all_of(batch.ids, [&](std::int64_t id) { return id < vocabulary; });
    return fits ? std::optional(std::move(batch)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // nobody asked for it: the proof has ids of its own
  }
}

}  // namespace

TokenBatch encode_text(const std::string& text, const std::string& vocabulary, const Location& first,
                       const Location& second) {
  if (!valid_utf8(text)) throw Error(Errc::usage, "--text is not valid UTF-8");
  const std::unique_ptr<Tokenizer> tokenizer =
      vocabulary.empty() ? tokenizer_beside(first, second) : tokenizer_at(vocabulary);
  if (!tokenizer) {
    throw Error(Errc::usage, "--text needs a vocabulary, and none lies beside the models", {},
                "name it with --vocab: tokenizer.json, vocab.json with merges.txt, vocab.txt, or their folder");
  }
  return encoded(*tokenizer, text);
}

std::vector<TokenBatch> own_inputs(const Model& first, const Model& second, const Location& first_location,
                                   const Location& second_location, bool longest) {
  const outputs::Limits limits = outputs::limits_of(first, second);
  std::vector<TokenBatch> batches = outputs::default_inputs(limits, longest);
  if (auto sample = sample_text(first_location, second_location, limits.vocabulary, limits.positions)) {
    batches.push_back(*std::move(sample));
  }
  return batches;
}

}  // namespace transload::cli

#endif
