// Tar archives taken apart and put together again, with sizes, padding and checksums right where they should be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/input.h"

namespace transload::fuzz {

struct TarRecord {
  std::string name;
  char type = '0';
  Input content;
};

// None where `bytes` does not begin like one.
std::optional<std::vector<TarRecord>> tar_records(std::string_view bytes);
Input tar_of(const std::vector<TarRecord>& records, Random& random);

}  // namespace transload::fuzz
