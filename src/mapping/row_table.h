// The rows of a family file while it is compiled: what parse_rows(), parse_joins() and check_rows() share.
#pragma once

#include <toml++/toml.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mapping/family_parser.h"

namespace transload::mapping {

// A row's parameters, and where in the file it stands.
struct RowRange {
  std::size_t begin, end;  // of Family::parameters
  std::size_t section;     // of Family::sections
  const toml::node* node;
};

// What a table says for all of its rows, by dialect.
struct SectionNames {
  std::vector<std::string> prefixes;
  std::vector<bool> rooted;
};

struct RowTable {
  std::map<std::string, RowRange> rows;                                           // "layer.query"
  std::vector<SectionNames> sections;                                             // as Family::sections
  std::vector<std::pair<std::string, std::string>> ties;                          // row, the row whose values it shares
  std::map<std::pair<std::size_t, std::size_t>, const toml::node*> stored_nodes;  // dialect, tensor -> its place
};

std::size_t dialect_named(const Family& family, const toml::node& node, const std::string& name);
std::size_t parameter_named(const Family& family, const RowRange& row, const std::string& name, const toml::node& node);
Layout layout_at(const toml::node& node, const std::string& text);
bool has_letter(const Layout& layout, char letter);

// Gives a dialect one more tensor: completes its name, and fills the cells of its members.
void add_stored(Family& family, RowTable& table, std::size_t section, std::size_t dialect, const toml::node& node,
                Stored stored);

// `join`: tensors that hold several rows.
void parse_joins(const FamilySource& source, Family& family, RowTable& table);
// `order`: in which order each dialect's tensors are written; without one, as the rows stand in the file.
void parse_order(const FamilySource& source, Family& family, const RowTable& table);
// Resolves ties, and refuses what is not total or not unique; fills the dialects' name tables.
void check_rows(Family& family, const RowTable& table);

}  // namespace transload::mapping
