#include "mapping/family_parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace transload::mapping {
namespace {

std::vector<std::string> dialect_names(const toml::table& root) {
  std::vector<std::string> names;
  if (const toml::node* list = root.get("dialects")) names = as_strings({"dialects", list});
  if (const toml::node* columns = root.get("column")) {
    for (const TomlEntry& column : in_order(as_table({"column", columns}))) names.push_back(column.key);
  }
  if (names.empty()) fail_at(root, "'dialects' names no dialect");
  return names;
}

}  // namespace

void only_keys(const toml::table& table, std::initializer_list<std::string_view> known) {
  for (const TomlEntry& entry : in_order(table)) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      fail_at(*entry.value, fmt::format("unknown key '{}'; known here: {}", entry.key, fmt::join(known, ", ")));
    }
  }
}

Family parse_family(std::string_view family_toml, std::string_view dialects_toml, std::string_view file_name) {
  const Conventions conventions = parse_conventions(dialects_toml);
  const toml::table root = parse_toml(family_toml, file_name);
  const FamilySource source{root, conventions};
  Family family;
  if (!root.contains("family")) fail_at(root, "'family' is missing: the family's name");
  family.name = as_string({"family", root.get("family")});
  if (root.contains("base")) family.base = as_string({"base", root.get("base")});
  for (const std::string& name : dialect_names(root)) {
    const auto convention = conventions.dialects.find(name);
    if (convention == conventions.dialects.end()) {
      fail_at(root, fmt::format("dialect '{}' is not in dialects.toml", name));
    }
    if (family.dialect_index(name)) fail_at(root, fmt::format("dialect '{}' is named twice", name));
    family.dialect_names.push_back(name);
    Dialect& dialect = family.dialects.emplace_back();
    dialect.name = name;
    dialect.title = convention->second.title;
    dialect.wrappers = convention->second.wrappers;
    dialect.containers = convention->second.containers;
    dialect.metadata = convention->second.metadata;
    dialect.old_names = convention->second.old_names;
    dialect.flat_names = convention->second.flat_names;
  }
  parse_config_keys(source, family);
  parse_rows(source, family);
  parse_rules(source, family);
  return family;
}

}  // namespace transload::mapping
