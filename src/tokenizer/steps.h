// What happens to a text before the model sees its words.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace transload::tokenizer {

// One step of the normalizer: a text to a text.
struct BertNormalizer {
  bool clean_text = true;     // controls, U+0000 and U+FFFD go, every white space is ' '
  bool chinese = true;        // ' ' on both sides of each ideograph
  bool strip_accents = true;  // the text is decomposed, then nonspacing marks go
  bool lower_case = true;
};
struct Lowercase {};
struct Nfd {};
using Normalizer = std::variant<BertNormalizer, Lowercase, Nfd>;

std::string normalized(const std::vector<Normalizer>& steps, std::string_view text);

// One step of the pre-tokenizer: a text to its words.
struct BertSplit {};              // at white space, which goes, and around each punctuation character, which is a word
struct ByteLevel {                // GPT-2's: the words are then written with one character for each byte
  bool add_prefix_space = false;  // ' ' before a text that does not begin with one
  bool split = true;              // into words; else the text stays one
};
using Splitter = std::variant<BertSplit, ByteLevel>;

// Without steps the text is one word. Words are never empty.
std::vector<std::string> words(const std::vector<Splitter>& steps, std::string_view text);

// The pieces of GPT-2's pattern, which together are the text:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::vector<std::string_view> gpt2_pieces(std::string_view text);
// Each byte as a character that can be printed (GPT-2's bytes_to_unicode).
std::string printable_bytes(std::string_view text);

}  // namespace transload::tokenizer
