#include <fmt/format.h>

#include <algorithm>

#include "mapping/row_table.h"

namespace transload::mapping {
namespace {

void resolve_ties(Family& family, const RowTable& table) {
  for (const auto& [name, target] : table.ties) {
    const RowRange& row = table.rows.at(name);
    const auto found = table.rows.find(target);
    if (found == table.rows.end()) fail_at(*row.node, fmt::format("tie: there is no row '{}'", target));
    for (std::size_t i = row.begin; i < row.end; ++i) {
      const std::size_t kept = found->second.begin + (i - row.begin);
      if (kept >= found->second.end || family.parameters[kept].axes != family.parameters[i].axes ||
          family.parameters[kept].tie || found->second.begin == row.begin) {
        fail_at(*row.node,
                fmt::format("'{}' cannot be tied to '{}': not the same sizes, or tied itself", name, target));
      }
      family.parameters[i].tie = kept;
    }
  }
}

// Total: where a dialect has a part, it has all of it; where a part is required, every dialect has it.
void check_total(const Family& family, const RowTable& table) {
  for (std::size_t d = 0; d < family.dialects.size(); ++d) {
    for (std::size_t part = 0; part < family.parts.size(); ++part) {
      const RowRange* lacking = nullptr;
      std::string lacking_name;
      bool held = family.parts[part].required;
      for (const auto& [name, row] : table.rows) {
        for (std::size_t p = row.begin; p < row.end; ++p) {
          const Parameter& parameter = family.parameters[p];
          if (parameter.part != part) continue;
          if (parameter.cells[d].kind != Cell::Kind::absent) {
            held = true;
          } else if (!parameter.tie) {
            lacking = &row;
            lacking_name = parameter.name;
          }
        }
      }
      if (held && lacking != nullptr) {
        fail_at(*lacking->node, fmt::format("'{}' has no tensor, tie or zeros in {}, which has the rest of '{}'",
                                            lacking_name, family.dialect_names[d], family.parts[part].name));
      }
    }
  }
}

void add_name(const Family& family, const RowTable& table, NameTable& names, std::size_t dialect, std::size_t id,
              const std::string& name) {
  if (!names.add(name, id)) {
    fail_at(*table.stored_nodes.at({dialect, id}),
            fmt::format("\"{}\" is the name of two tensors in {}", name, family.dialect_names[dialect]));
  }
}

void check_alias(const Family& family, const toml::node& node, const Alias& alias, const Dialect& dialect) {
  for (const std::string& part : {alias.with, alias.without}) {
    if (!part.empty() && !family.part_index(part)) fail_at(node, fmt::format("there is no part '{}'", part));
  }
  if (!alias.root.empty() && std::ranges::find(dialect.roots, alias.root) == dialect.roots.end()) {
    fail_at(node, fmt::format("'{}' is no root of {}", alias.root, dialect.name));
  }
}

// The names that a file may have, old ones too. No name may stand for two tensors.
void name_tensors(Family& family, const RowTable& table) {
  for (std::size_t d = 0; d < family.dialects.size(); ++d) {
    Dialect& dialect = family.dialects[d];
    for (std::size_t id = 0; id < dialect.stored.size(); ++id) {
      const Stored& stored = dialect.stored[id];
      if (stored.name.find('/') != std::string::npos) dialect.separator = '/';
      NameTable& names = stored.rooted ? dialect.rooted : dialect.free;
      add_name(family, table, names, d, id, stored.name);
      for (const Alias& alias : stored.aliases) {
        check_alias(family, *table.stored_nodes.at({d, id}), alias, dialect);
        add_name(family, table, alias.rooted ? dialect.rooted : dialect.free, d, id, alias.name);
      }
      for (const auto& [old_end, new_end] : dialect.old_names) {
        if (!stored.name.ends_with(new_end)) continue;
        const std::string old = stored.name.substr(0, stored.name.size() - new_end.size()) + old_end;
        add_name(family, table, names, d, id, old);
      }
    }
    for (std::size_t id = 0; id < dialect.stored.size(); ++id) {
      if (!dialect.stored[id].rooted) continue;
      for (const std::string& root : dialect.roots) {
        if (dialect.free.find(root + with_number(dialect.stored[id].name, 0))) {
          fail_at(*table.stored_nodes.at({d, id}), fmt::format("\"{}{}\" is the name of two tensors in {}", root,
                                                               dialect.stored[id].name, dialect.name));
        }
      }
    }
  }
}

}  // namespace

void check_rows(Family& family, const RowTable& table) {
  resolve_ties(family, table);
  check_total(family, table);
  name_tensors(family, table);
}

}  // namespace transload::mapping
