// Protocol buffer messages changed field by field, with the lengths around them right.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/input.h"

namespace transload::fuzz {

// One to three fields, here or in nested messages, inserted, taken out, doubled, moved, renumbered or given another
// value. Bytes that are no field are kept.
Input mutated_message(std::string_view message, Random& random, std::size_t most);

}  // namespace transload::fuzz
