#include "mapping/family.h"

#include <algorithm>

namespace transload::mapping {

std::optional<std::size_t> Family::dialect_index(std::string_view dialect) const {
  const auto found = std::find(dialect_names.begin(), dialect_names.end(), dialect);
  if (found == dialect_names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - dialect_names.begin());
}

std::optional<std::size_t> Family::part_index(std::string_view part) const {
  const auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& each) { return each.name == part; });
  if (found == parts.end()) return std::nullopt;
  return static_cast<std::size_t>(found - parts.begin());
}

const ConfigKey* Family::config_key(std::string_view key) const {
  const auto found =
      std::find_if(config.begin(), config.end(), [&](const ConfigKey& each) { return each.name == key; });
  return found == config.end() ? nullptr : &*found;
}

}  // namespace transload::mapping
