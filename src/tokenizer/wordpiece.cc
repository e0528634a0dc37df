#include <fmt/format.h>

#include "core/text.h"
#include "tokenizer/longest_match.h"
#include "tokenizer/model.h"
#include "tokenizer/unicode.h"
#include "transload/error.h"

namespace transload::tokenizer {
namespace {

// Finding the pieces of a word takes time quadratic in its length.
constexpr std::uint64_t kLongestWord = 256;

class WordPiece final : public Model {
 public:
  WordPiece(Vocabulary vocabulary, const WordPieceRules& rules)
      : Model(std::move(vocabulary)), longest_(rules.longest), unknown_(this->vocabulary().find(rules.unknown)) {
    std::vector<LongestMatch::Entry> inner;
    for (const auto& [token, id] : this->vocabulary().entries()) {
      if (token.starts_with(rules.prefix)) inner.emplace_back(token.substr(rules.prefix.size()), id);
    }
    first_ = LongestMatch(this->vocabulary().entries());
    inner_ = LongestMatch(std::move(inner));
  }

  void encode(std::string_view word, std::vector<std::int64_t>& ids) const override {
    const std::size_t before = ids.size();
    if (!too_long(word)) {
      // A match ends between two characters, because both the tokens and the word are UTF-8.
      std::string_view rest = word;
      while (!rest.empty()) {
        const auto found = (rest.size() == word.size() ? first_ : inner_).at(rest);
        if (found.size == 0) break;
        ids.push_back(found.value);
        rest.remove_prefix(found.size);
      }
      if (rest.empty()) return;
    }
    ids.resize(before);
    if (!unknown_) {
      throw Error(Errc::usage,
                  fmt::format("the vocabulary has no tokens for the word '{}', and no unknown token", shortened(word)));
    }
    ids.push_back(*unknown_);
  }

 private:
  bool too_long(std::string_view word) const noexcept {
    std::uint64_t count = 0;
    for (std::size_t at = 0; at < word.size() && count <= longest_; ++count) at += character_at(word, at).size;
    return count > longest_;
  }

  std::uint64_t longest_;
  std::optional<std::uint32_t> unknown_;
  LongestMatch first_, inner_;  // at the start of a word, and after it
};

}  // namespace

std::unique_ptr<Model> make_wordpiece(Vocabulary vocabulary, const WordPieceRules& rules, const std::string& file) {
  if (rules.longest > kLongestWord) {
    throw Error(Errc::unsupported, fmt::format("words of {} characters: {} at most", rules.longest, kLongestWord),
                {.file = file, .offset = {}, .tensor = {}});
  }
  return std::make_unique<WordPiece>(std::move(vocabulary), rules);
}

}  // namespace transload::tokenizer
