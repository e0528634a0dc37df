#include <fmt/format.h>

#include "mapping/row_table.h"

namespace transload::mapping {
namespace {

void append(const Family& family, Run& run, std::size_t dialect, const RowRange& row) {
  for (std::size_t p = row.begin; p < row.end; ++p) {
    if (family.parameters[p].cells[dialect].kind == Cell::Kind::stored) run.parameters.push_back(p);
  }
}

// As the file has it: section by section.
std::vector<Run> usual_order(const Family& family, std::size_t dialect) {
  std::vector<Run> runs;
  for (std::size_t s = 0; s < family.sections.size(); ++s) {
    const Section& section = family.sections[s];
    append(family, runs.emplace_back(Run{{}, section.repeated}), dialect, {section.begin, section.end, s, nullptr});
  }
  return runs;
}

// As `rows` names them; neighbours of the repeated part go together, layer by layer.
std::vector<Run> named_order(const Family& family, std::size_t dialect, const RowTable& table, const TomlEntry& rows) {
  std::vector<Run> runs;
  std::vector<std::size_t> times(family.parameters.size(), 0);
  for (const std::string& name : as_strings(rows)) {
    const auto found = table.rows.find(name);
    if (found == table.rows.end()) fail_at(*rows.value, fmt::format("there is no row '{}'", name));
    const bool repeated = family.sections[found->second.section].repeated;
    if (runs.empty() || !repeated || !runs.back().repeated) runs.push_back({{}, repeated});
    append(family, runs.back(), dialect, found->second);
    for (std::size_t p = found->second.begin; p < found->second.end; ++p) ++times[p];
  }
  for (std::size_t p = 0; p < family.parameters.size(); ++p) {
    if (family.parameters[p].cells[dialect].kind == Cell::Kind::stored && times[p] != 1) {
      fail_at(*rows.value, fmt::format("'{}' must be named once", family.parameters[p].name));
    }
  }
  return runs;
}

}  // namespace

void parse_order(const FamilySource& source, Family& family, const RowTable& table) {
  for (std::size_t d = 0; d < family.dialects.size(); ++d) family.dialects[d].order = usual_order(family, d);
  const toml::node* orders = source.root.get("order");
  if (orders == nullptr) return;
  for (const TomlEntry& entry : in_order(as_table({"order", orders}))) {
    const std::size_t dialect = dialect_named(family, *entry.value, entry.key);
    family.dialects[dialect].order = named_order(family, dialect, table, entry);
  }
}

}  // namespace transload::mapping
