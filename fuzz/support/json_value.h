// JSON changed value by value, so that it stays JSON.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/input.h"

namespace transload::fuzz {

// One to three values replaced, taken out, doubled under another key, exchanged or wrapped. Empty where `text` is no
// JSON.
Input mutated_json(std::string_view text, Random& random, std::size_t most);

}  // namespace transload::fuzz
