// .npy arrays with another header, whose length is right.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/input.h"

namespace transload::fuzz {

// The text of the header changed, or a header of its own with as many bytes behind it as it says. Empty where `array`
// does not begin like one.
Input mutated_array(std::string_view array, Random& random, std::size_t most);

}  // namespace transload::fuzz
