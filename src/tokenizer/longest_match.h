// A set of byte strings that finds its longest member at the start of a text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace transload::tokenizer {

class LongestMatch {
 public:
  using Entry = std::pair<std::string, std::uint32_t>;
  struct Found {
    std::size_t size = 0;     // 0: nothing begins here
    std::uint32_t value = 0;  // of the entry
  };

  LongestMatch() = default;
  // Empty strings are left out; of equal ones the first counts.
  explicit LongestMatch(std::vector<Entry> entries);

  // In time linear in the length of what matches, times the logarithm of the number of entries.
  Found at(std::string_view text) const noexcept;
  bool empty() const noexcept { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;             // sorted
  std::array<std::size_t, 257> begins_{};  // of the entries with each first byte
};

}  // namespace transload::tokenizer
