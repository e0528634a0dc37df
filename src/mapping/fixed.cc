#include "mapping/fixed.h"

#include <fmt/format.h>

#include "transload/error.h"

namespace transload::mapping {

std::string source_spelling(const ConfigKey& key, std::size_t dialect) {
  const std::string& own = key.cells[dialect].key;
  return own.empty() ? key.name : own;
}

void refuse_what_is_fixed_otherwise(const Family& family, const Binding& binding, std::size_t from, std::size_t to) {
  for (const ConfigKey& key : family.config) {
    const ConfigCell& cell = key.cells[to];
    const auto known = binding.config.find(key.name);
    if (cell.otherwise.empty() || known == binding.config.end() || known->second == *cell.fixed) continue;
    throw Error(Errc::unsupported,
                fmt::format("\"{}\" is {}, and {} has {} only: {}", source_spelling(key, from), known->second,
                            family.dialects[to].title, *cell.fixed, cell.otherwise),
                {}, "this model cannot be converted; if its configuration is wrong, give another with --config F");
  }
}

}  // namespace transload::mapping
