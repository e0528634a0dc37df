#include "tokenizer/longest_match.h"

#include <algorithm>

namespace transload::tokenizer {
namespace {

unsigned char byte(std::string_view text, std::size_t at) noexcept { return static_cast<unsigned char>(text[at]); }

}  // namespace

LongestMatch::LongestMatch(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::erase_if(entries_, [](const Entry& entry) { return entry.first.empty(); });
  std::ranges::stable_sort(entries_, {}, &Entry::first);
  const auto same = [](const Entry& a, const Entry& b) { return a.first == b.first; };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
  for (const Entry& entry : entries_) ++begins_[byte(entry.first, 0) + 1u];
  for (std::size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
}

LongestMatch::Found LongestMatch::at(std::string_view text) const noexcept {
  Found found;
  if (text.empty()) return found;
  // [first, last) begin with the first `depth` bytes of the text.
  auto first = entries_.begin() + static_cast<std::ptrdiff_t>(begins_[byte(text, 0)]);
  auto last = entries_.begin() + static_cast<std::ptrdiff_t>(begins_[byte(text, 0) + 1u]);
  for (std::size_t depth = 1; first != last; ++depth) {
    if (first->first.size() == depth) {
      found = {depth, first->second};
      ++first;
    }
    if (depth == text.size()) break;
    const unsigned char next = byte(text, depth);
    first = std::partition_point(first, last, [&](const Entry& entry) { return byte(entry.first, depth) < next; });
    last = std::partition_point(first, last, [&](const Entry& entry) { return byte(entry.first, depth) == next; });
  }
  return found;
}

}  // namespace transload::tokenizer
