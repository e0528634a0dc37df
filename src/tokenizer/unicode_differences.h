// Where the tables of the tokenizers library 0.15.2 say something else than utf8proc 2.8's, which are Unicode 15.
#pragma once

#include <cstdint>

namespace transload::tokenizer {

enum class Property : std::uint8_t { letter, number, control, punctuation, nonspacing, combining, decomposition };

// The library's answer for `code` is the opposite; for `combining` and `decomposition`: it has none.
bool differs(Property property, char32_t code) noexcept;

}  // namespace transload::tokenizer
