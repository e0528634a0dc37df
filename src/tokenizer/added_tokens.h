// Tokens that are found in the text before it is split into words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/longest_match.h"
#include "tokenizer/steps.h"

namespace transload::tokenizer {

struct AddedToken {
  std::string content;
  std::uint32_t id = 0;
  bool single_word = false;  // only where no letter, digit or '_' stands beside it
  bool lstrip = false;       // takes the white space on its left with it
  bool rstrip = false;       // on its right
  bool normalized = false;   // is looked for in the normalized text, itself normalized
};

// A part of a text: an added token, or text between two of them.
struct Part {
  std::string_view text;
  std::optional<std::uint32_t> id;
};

// Added tokens of one kind: those that are looked for before the text is normalized, or those after.
class AddedTokens {
 public:
  AddedTokens() = default;
  // Those of `tokens` with this `normalized`; of several with the same text the first counts. Errc::unsupported in
  // `file` where one is longer than 256 bytes or nothing once it is normalized, or begins with white space that it or
  // another takes.
  AddedTokens(std::vector<AddedToken> tokens, bool normalized, const std::vector<Normalizer>& steps,
              const std::string& file);

  // The leftmost, and of those at one place the longest, first. None of the texts between is empty.
  std::vector<Part> split(std::string_view text) const;

 private:
  std::vector<AddedToken> tokens_;
  LongestMatch match_;  // to indices of tokens_
};

}  // namespace transload::tokenizer
