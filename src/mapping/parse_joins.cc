#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "mapping/row_table.h"

namespace transload::mapping {
namespace {

// Which of a parameter's axes each group of `one` is. A group of one letter of the kind is that axis; the other
// groups are the remaining axes, in the order in which the first dialect stores them.
void split_axes(const Family& family, Stored& stored, const Layout& one, const toml::node& node) {
  const Parameter& parameter = family.parameters[stored.members.front()];
  std::vector<char> rest;
  const Cell& reference = parameter.cells.front();
  if (reference.kind != Cell::Kind::stored) fail_at(node, "the joined rows are not stored in the first dialect");
  for (const std::vector<char>& axis : family.dialects.front().stored[reference.stored].layout) {
    for (const char letter : axis) {
      if (std::find(one.begin(), one.end(), std::vector<char>{letter}) == one.end()) rest.push_back(letter);
    }
  }
  std::set<char> factors;
  std::size_t next = 0;
  for (const std::vector<char>& group : one) {
    factors.insert(group.begin(), group.end());
    if (group.size() == 1 && parameter.axes.contains(group.front())) continue;
    if (next == rest.size()) fail_at(node, "the layout of one row has more axes than the row");
    std::size_t unnamed = 0;
    for (const char factor : group) {
      unnamed += family.config_key(std::string(1, static_cast<char>(factor - 'a' + 'A'))) == nullptr ? 1 : 0;
    }
    if (unnamed > 1) fail_at(node, "more than one factor of an axis has a size that [dims] does not have");
    stored.splits[rest[next++]] = group;
  }
  if (next != rest.size()) fail_at(node, "the layout of one row lacks an axis of the row");
  std::set<char> all;
  for (const std::vector<char>& axis : stored.layout) all.insert(axis.begin(), axis.end());
  for (const char factor : factors) {
    if (all.erase(factor) == 0) fail_at(node, fmt::format("factor '{}' is not in the joined layout", factor));
  }
  if (all.size() != 1) fail_at(node, "the joined layout must have exactly one factor more: which row it is");
  stored.join = *all.begin();
}

void parse_join(Family& family, RowTable& rows_of, std::size_t dialect, const TomlEntry& join) {
  const std::size_t dot = join.key.rfind('.');
  if (dot == std::string::npos) fail_at(*join.value, "a join is named \"PART.NAME\"");
  const std::string section = join.key.substr(0, dot);
  const toml::table& forms = as_table(join);
  const toml::node* of = forms.get("of");
  if (of == nullptr) fail_at(*join.value, "'of' is missing: the rows that are joined");
  std::vector<const RowRange*> rows;
  for (const std::string& row : as_strings({"of", of})) {
    const auto found = rows_of.rows.find(section + "." + row);
    if (found == rows_of.rows.end()) fail_at(*of, fmt::format("there is no row '{}' in '{}'", row, section));
    rows.push_back(&found->second);
  }
  if (rows.size() < 2) fail_at(*of, "a join has two rows or more");
  for (const TomlEntry& entry : in_order(forms)) {
    if (entry.key == "of") continue;
    const std::vector<std::string> form = as_strings(entry);
    if (form.size() != 3) fail_at(*entry.value, fmt::format("'{}' must be [name, layout, layout of one]", entry.key));
    Stored stored{.name = form[0],
                  .rooted = true,
                  .members = {},
                  .layout = layout_at(*entry.value, form[1]),
                  .join = 0,
                  .splits = {},
                  .lead = 0,
                  .aliases = {}};
    for (const RowRange* row : rows) stored.members.push_back(parameter_named(family, *row, entry.key, *entry.value));
    for (const std::size_t member : stored.members) {
      if (family.parameters[member].axes != family.parameters[stored.members.front()].axes) {
        fail_at(*entry.value, "the joined rows have different sizes");
      }
    }
    split_axes(family, stored, layout_at(*entry.value, form[2]), *entry.value);
    add_stored(family, rows_of, rows.front()->section, dialect, *entry.value, std::move(stored));
  }
}

}  // namespace

void parse_joins(const FamilySource& source, Family& family, RowTable& table) {
  const toml::node* joins = source.root.get("join");
  if (joins == nullptr) return;
  for (const TomlEntry& column : in_order(as_table({"join", joins}))) {
    const std::size_t dialect = dialect_named(family, *column.value, column.key);
    for (const TomlEntry& join : in_order(as_table(column))) parse_join(family, table, dialect, join);
  }
}

}  // namespace transload::mapping
