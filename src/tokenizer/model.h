// What turns one word into ids.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace transload::tokenizer {

class Model {
 public:
  virtual ~Model() = default;
  // Appends the ids of `word`, which is valid UTF-8 and not empty. Errc::usage where a part of it has no id and there
  // is no unknown token.
  virtual void encode(std::string_view word, std::vector<std::int64_t>& ids) const = 0;
  const Vocabulary& vocabulary() const noexcept { return vocabulary_; }

 protected:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

 private:
  Vocabulary vocabulary_;
};

struct BpeRules {
  Merges merges{};
  std::string unknown{};      // the unknown token, or empty: the vocabulary need not have it
  std::string prefix{};       // before every character of a word but its first
  bool fuse_unknown = false;  // several unknown characters in a row are one unknown token
};
// Byte-pair encoding over the characters of a word (Sennrich et al. 2016): of the pairs that stand beside each other,
// the one whose merge comes first in the list is merged, the leftmost first. In n log n. Errc::corrupt in `file` where
// a merge occurs twice or names or makes a token that the vocabulary lacks.
std::unique_ptr<Model> make_bpe(Vocabulary vocabulary, const BpeRules& rules, const std::string& file);

struct WordPieceRules {
  std::string unknown = "[UNK]";  // stands for a word that cannot be put together; need not be in the vocabulary
  std::string prefix = "##";      // marks a token inside a word
  std::uint64_t longest = 100;    // characters of a word; a longer one is unknown
};
// The longest token first, from the left. Errc::unsupported where `longest` is above 256.
std::unique_ptr<Model> make_wordpiece(Vocabulary vocabulary, const WordPieceRules& rules, const std::string& file);

}  // namespace transload::tokenizer
