// PyTorch's files: the pickles inside of archives and of legacy streams, opcode by opcode.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/input.h"

namespace transload::fuzz {

// Empty where `file` is neither.
Input mutated_checkpoint(std::string_view file, Random& random, std::size_t most);

}  // namespace transload::fuzz
