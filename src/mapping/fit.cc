#include <set>

#include "mapping/bind.h"
#include "mapping/site.h"

namespace transload::mapping {

Fit fit(const Family& family, const Index& index, std::string_view dialect) {
  const auto d = family.dialect_index(dialect);
  if (!d || index.tensors.empty()) return {};
  const Dialect& names = family.dialects[*d];
  const std::vector<std::string> all = looked_up_names(names.flat_names, index);
  const std::vector<Site> sites = find_sites(names, all, std::vector<bool>(all.size(), false));
  const std::set<std::size_t> required = required_rows(family, *d);
  if (sites.empty() || sites.front().rows * 2 < required.size()) return {};
  std::set<std::size_t> there;
  std::size_t named = 0;
  for (const std::string& name : all) {
    const auto stripped = sites.front().strip(name);
    if (!stripped) continue;
    const std::optional<NamedRow> row = row_of(names, sites.front(), *stripped);
    if (row && required.contains(row->stored)) there.insert(row->stored);
    named += row || drop_rule(names, *stripped) != nullptr ? 1u : 0u;
  }
  return {static_cast<double>(named) / static_cast<double>(all.size()),
          static_cast<double>(there.size()) / static_cast<double>(required.size())};
}

}  // namespace transload::mapping
