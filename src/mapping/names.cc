#include "mapping/names.h"

#include <algorithm>

namespace transload::mapping {
namespace {

constexpr std::size_t kMaxDigits = 9;

bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string with_number(std::string_view pattern, std::int64_t number) {
  std::string name(pattern);
  const std::size_t at = name.find(kNumber);
  if (at != std::string::npos) name.replace(at, kNumber.size(), std::to_string(number));
  return name;
}

bool NameTable::add(std::string pattern, std::size_t id) {
  longest_ = std::max(longest_, pattern.size() + kMaxDigits);
  return patterns_.emplace(std::move(pattern), id).second;
}

std::optional<NameMatch> NameTable::find(std::string_view name) const {
  if (name.size() > longest_) return std::nullopt;
  if (const auto exact = patterns_.find(name); exact != patterns_.end()) {
    if (exact->first.find(kNumber) != std::string::npos) return std::nullopt;  // a name that really holds "{}"
    return NameMatch{exact->second, -1};
  }
  std::string pattern;
  for (std::size_t begin = 0; begin < name.size(); ++begin) {
    if (!digit(name[begin])) continue;
    std::size_t end = begin;
    while (end < name.size() && digit(name[end])) ++end;
    const std::string_view digits = name.substr(begin, end - begin);
    if (digits.size() <= kMaxDigits && (digits.size() == 1 || digits.front() != '0')) {
      pattern.assign(name.substr(0, begin)).append(kNumber).append(name.substr(end));
      if (const auto found = patterns_.find(std::string_view(pattern)); found != patterns_.end()) {
        return NameMatch{found->second, std::stoll(std::string(digits))};
      }
    }
    begin = end;
  }
  return std::nullopt;
}

}  // namespace transload::mapping
