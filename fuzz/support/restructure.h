// The mutator of a format, for fuzzers whose plain mutations do not get deep. fuzz/mutate_NAME.cc defines it for
// fuzz/fuzz_NAME.cc; both libFuzzer and the replay use it for three in four of their mutations.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/input.h"

namespace transload::fuzz {

// `input` after a change that keeps most of its structure whole; empty where it cannot tell the structure. The same
// numbers from `random` and from the fuzzer's own mutations give the same answer.
Input restructured(std::string_view input, Random& random, std::size_t most);

}  // namespace transload::fuzz
