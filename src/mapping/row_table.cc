#include "mapping/row_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace transload::mapping {

std::size_t dialect_named(const Family& family, const toml::node& node, const std::string& name) {
  if (const auto dialect = family.dialect_index(name)) return *dialect;
  fail_at(node, fmt::format("'{}' is not one of the dialects", name));
}

std::size_t parameter_named(const Family& family, const RowRange& row, const std::string& name,
                            const toml::node& node) {
  for (std::size_t p = row.begin; p < row.end; ++p) {
    if (family.parameters[p].name.ends_with("." + name)) return p;
  }
  fail_at(node, fmt::format("the row's kind has no parameter '{}'", name));
}

Layout layout_at(const toml::node& node, const std::string& text) {
  try {
    return parse_layout(text);
  } catch (const std::invalid_argument& e) {
    fail_at(node, e.what());
  }
}

bool has_letter(const Layout& layout, char letter) {
  return std::any_of(layout.begin(), layout.end(), [&](const std::vector<char>& axis) {
    return std::find(axis.begin(), axis.end(), letter) != axis.end();
  });
}

void add_stored(Family& family, RowTable& table, std::size_t section, std::size_t dialect, const toml::node& node,
                Stored stored) {
  const bool repeated = family.sections[section].repeated;
  stored.name = table.sections[section].prefixes[dialect] + stored.name;
  stored.rooted = table.sections[section].rooted[dialect];
  const std::size_t number = stored.name.find(kNumber);
  if (repeated != (number != std::string::npos) ||
      (number != std::string::npos && stored.name.find(kNumber, number + 1) != std::string::npos)) {
    fail_at(node, fmt::format("\"{}\" must have {} {{}} for the layer's number", stored.name, repeated ? "one" : "no"));
  }
  const std::size_t id = family.dialects[dialect].stored.size();
  for (std::size_t member = 0; member < stored.members.size(); ++member) {
    Cell& cell = family.parameters[stored.members[member]].cells[dialect];
    if (cell.kind != Cell::Kind::absent) {
      fail_at(node, fmt::format("'{}' is stored twice in {}", family.parameters[stored.members[member]].name,
                                family.dialect_names[dialect]));
    }
    cell = {Cell::Kind::stored, id, member};
  }
  family.dialects[dialect].stored.push_back(std::move(stored));
  table.stored_nodes[{dialect, id}] = &node;
}

}  // namespace transload::mapping
