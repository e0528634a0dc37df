#include "mapping/flat_names.h"

#include <algorithm>
#include <optional>

namespace transload::mapping {
namespace {

constexpr std::size_t kMostDigits = 9;

std::size_t digits_at(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  return count <= kMostDigits ? count : 0;
}

// nullopt: the rule is for other names.
std::optional<std::string> dotted(const FlatName& rule, std::string_view name) {
  std::string_view pattern = rule.flat, number;
  while (!pattern.empty()) {
    const bool counter = pattern.front() == '#', layer = pattern.starts_with("{}");
    if (counter || layer) {
      const std::size_t digits = digits_at(name);
      if (digits == 0) return std::nullopt;
      if (layer) number = name.substr(0, digits);
      name.remove_prefix(digits);
      pattern.remove_prefix(counter ? 1 : 2);
    } else {
      if (name.empty() || name.front() != pattern.front()) return std::nullopt;
      name.remove_prefix(1);
      pattern.remove_prefix(1);
    }
  }
  std::string made = rule.dotted;
  if (const std::size_t at = made.find("{}"); at != std::string::npos) made.replace(at, 2, number);
  return made.append(name);
}

}  // namespace

std::vector<std::string> looked_up_names(const std::vector<FlatName>& rules, const Index& index) {
  std::vector<std::string> names;
  names.reserve(index.tensors.size());
  for (const TensorInfo& tensor : index.tensors) names.push_back(tensor.name);
  if (rules.empty()) return names;
  const bool flat = std::ranges::none_of(names, [](const std::string& name) { return name.find('.') != name.npos; });
  if (!flat) return names;
  for (std::string& name : names) {
    for (const FlatName& rule : rules) {
      if (std::optional<std::string> made = dotted(rule, name)) {
        name = *std::move(made);
        break;
      }
    }
  }
  return names;
}

bool nameless(const Index& index) {
  for (std::size_t i = 0; i < index.tensors.size(); ++i) {
    if (index.tensors[i].name != std::to_string(i)) return false;
  }
  return !index.tensors.empty();
}

}  // namespace transload::mapping
