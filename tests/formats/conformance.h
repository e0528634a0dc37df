// What every format promises, checked for each that declares its facts: one line in conformance_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace transload::testing {

struct FormatFacts {
  std::string format;              // its name in the table
  std::string golden;              // a small checkpoint of the real framework, below tests/golden
  std::vector<std::string> files;  // its files, in that folder; the last one is what format.sniff() is shown
  std::string open_as;             // the name to open: a file or a prefix
  // How many bytes at the end of a file may be searched for its directory, whatever they are.
  std::uint64_t searched_tail = 0;
  // How many bytes beyond a header may be read with it, in one go with it.
  std::uint64_t read_ahead = 0;
  bool sniffs_content = true;  // false: known by its name and its table only
};

inline void PrintTo(const FormatFacts& facts, std::ostream* out) { *out << facts.format; }

class Conformance : public ::testing::TestWithParam<FormatFacts> {};

}  // namespace transload::testing
