// Pickles changed opcode by opcode, so that most of what comes out is a program that runs.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/input.h"

namespace transload::fuzz {

// The size of the pickle at the begin of `bytes`, up to and with its STOP; all of them where it has none.
std::size_t pickle_size(std::string_view bytes);

// One to four opcodes inserted, taken out, moved, doubled, or given another argument; then lengths of frames are put
// right, and most references to the memo are led to a place that was written. Bytes that are no opcode are kept.
Input mutated_pickle(std::string_view pickle, Random& random, std::size_t most);

}  // namespace transload::fuzz
