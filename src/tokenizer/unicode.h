// What the tokenizers library 0.15.2 says about a character, for every character.
//
// It uses four sets of tables of different age: Oniguruma's (Unicode 14) for \p{L}, \p{N}; unicode_categories' (Unicode
// 8) for punctuation, marks and controls; unicode-normalization-alignments' (Unicode 9 to 12) for decomposition; Rust's
// and the regex crate's (Unicode 15) for the rest. Here they are utf8proc's (Unicode 15 in 2.8), corrected where the
// library's are older.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace transload::tokenizer {

struct Character {
  char32_t code = 0;
  std::size_t size = 0;  // in bytes
};

// The character that begins at `at`, which must be the start of one in valid UTF-8.
Character character_at(std::string_view text, std::size_t at) noexcept;
// The one that ends before `end`, which is not 0.
Character character_before(std::string_view text, std::size_t end) noexcept;
void append(std::string& text, char32_t code);

bool is_letter(char32_t code) noexcept;           // \p{L}
bool is_number(char32_t code) noexcept;           // \p{N}
bool is_space(char32_t code) noexcept;            // White_Space, \s
bool is_word(char32_t code) noexcept;             // \w of the regex crate
bool is_control(char32_t code) noexcept;          // Cc, Cf, Co; not tab and the line ends
bool is_punctuation(char32_t code) noexcept;      // P, and the symbols of ASCII
bool is_nonspacing_mark(char32_t code) noexcept;  // Mn
bool is_chinese(char32_t code) noexcept;          // the blocks of ideographs that BERT sets apart

// Each character's lower case by itself: no rule that looks at its neighbours.
std::string lower_case(std::string_view text);
// Normalization form D.
std::string decomposed(std::string_view text);

}  // namespace transload::tokenizer
