#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "mapping/family_parser.h"

namespace transload::mapping {
namespace {

constexpr std::string_view kNoParts[] = {"family", "dialects", "root",     "dims", "config", "config_file", "models",
                                         "agree",  "notice",   "spelling", "drop", "column", "join"};

// Compiles the parts of a family file. One object per file.
class RowParser {
 public:
  RowParser(const FamilySource& source, Family& family) : source_(source), family_(family) {}

  void parse() {
    parse_roots();
    for (const TomlEntry& entry : in_order(source_.root)) {
      if (std::find(std::begin(kNoParts), std::end(kNoParts), entry.key) != std::end(kNoParts)) continue;
      if (entry.key == "head") {
        for (const TomlEntry& head : in_order(as_table(entry))) parse_section(head, "head." + head.key, true);
      } else {
        parse_section(entry, entry.key, false);
      }
    }
    parse_joins();
    check_columns();
    resolve_ties();
    check_rows();
    name_tensors();
  }

 private:
  struct RowRange {
    std::size_t begin, end;  // of Family::parameters
    std::size_t section;
    const toml::node* node;
  };

  std::size_t dialect_count() const { return family_.dialects.size(); }

  // A dialect's cell: in the row itself, or in the dialect's column.
  const toml::node* column(std::size_t dialect, const std::string& key) {
    const toml::node* columns = source_.root.get("column");
    if (columns == nullptr) return nullptr;
    const toml::node* own = columns->as_table()->get(family_.dialect_names[dialect]);
    const toml::node* cell = own == nullptr ? nullptr : as_table({"column", own}).get(key);
    if (cell != nullptr) used_columns_.insert(cell);
    return cell;
  }

  void parse_roots() {
    const toml::node* roots = source_.root.get("root");
    for (std::size_t d = 0; d < dialect_count(); ++d) {
      const toml::node* own = roots == nullptr ? nullptr : as_table({"root", roots}).get(family_.dialect_names[d]);
      if (own == nullptr) own = column(d, "root");
      family_.dialects[d].roots = own == nullptr ? std::vector<std::string>{""} : as_strings({"root", own});
      if (family_.dialects[d].roots.empty()) fail_at(*own, "'root' is empty; \"\" means no root");
    }
  }

  std::size_t part(const std::string& name, bool required, bool head) {
    if (const auto known = family_.part_index(name)) return *known;
    family_.parts.push_back({name, required, head});
    return family_.parts.size() - 1;
  }

  void parse_section(const TomlEntry& entry, const std::string& name, bool head) {
    const toml::table& table = as_table(entry);
    Section section{.name = name, .begin = family_.parameters.size(), .end = 0, .repeated = false};
    prefixes_.assign(dialect_count(), "");
    std::vector<std::size_t> rooted;
    bool required = !head;
    for (const TomlEntry& row : in_order(table)) {
      if (row.key == "optional") required = required && !as_bool(row);
      if (row.key == "rooted") {
        for (const std::string& dialect : as_strings(row)) rooted.push_back(dialect_named(*row.value, dialect));
      }
      if (row.key == "repeat") {
        const std::string letter = as_string(row);
        if (family_.config_key(letter) == nullptr || letter.size() != 1) {
          fail_at(*row.value, fmt::format("'{}' is no size of [dims]", letter));
        }
        if (family_.layers != 0) fail_at(*row.value, "only one part can be repeated");
        section.repeated = true;
        family_.layers = letter[0];
      }
      if (row.key == "prefix") {
        for (const TomlEntry& prefix : in_order(as_table(row))) {
          prefixes_[dialect_named(*prefix.value, prefix.key)] = as_string(prefix);
        }
      }
    }
    rooted_.assign(dialect_count(), !head);
    for (const std::size_t dialect : rooted) rooted_[dialect] = true;
    for (std::size_t d = 0; d < dialect_count(); ++d) {
      if (const toml::node* prefix = column(d, name + ".prefix")) prefixes_[d] = as_string({"prefix", prefix});
    }
    const std::size_t own = part(name, required, head);
    family_.sections.push_back(section);
    section_prefixes_.push_back(prefixes_);
    section_rooted_.push_back(rooted_);
    for (const TomlEntry& row : in_order(table)) {
      if (row.key == "optional" || row.key == "rooted" || row.key == "repeat" || row.key == "prefix") continue;
      parse_row(row, name, own, head);
    }
    family_.sections.back().end = family_.parameters.size();
    if (family_.sections.back().begin == family_.sections.back().end) {
      fail_at(*entry.value, fmt::format("part '{}' has no rows", name));
    }
  }

  std::size_t dialect_named(const toml::node& node, const std::string& name) {
    if (const auto dialect = family_.dialect_index(name)) return *dialect;
    fail_at(node, fmt::format("'{}' is not one of the dialects", name));
  }

  void parse_row(const TomlEntry& row, const std::string& section, std::size_t part_of_section, bool head) {
    const toml::table& table = as_table(row);
    const std::string name = section + "." + row.key;
    std::string kind;
    Parameter prototype;
    prototype.part = part_of_section;
    prototype.cells.resize(dialect_count());
    std::string tie;
    std::vector<std::size_t> zeros;
    std::map<std::size_t, std::int64_t> lead;
    for (const TomlEntry& entry : in_order(table)) {
      if (source_.conventions.kinds.contains(entry.key)) {
        if (!kind.empty()) fail_at(*entry.value, fmt::format("'{}' has two kinds: {} and {}", name, kind, entry.key));
        kind = entry.key;
        prototype.axes = parse_axes(entry);
      } else if (entry.key == "tie") {
        tie = as_string(entry);
      } else if (entry.key == "tie_if") {
        prototype.tie_if = as_string(entry);
        const ConfigKey* key = family_.config_key(prototype.tie_if);
        if (key == nullptr || key->check != ConfigKey::Check::boolean) {
          fail_at(*entry.value, fmt::format("'{}' is no boolean of [config]", prototype.tie_if));
        }
      } else if (entry.key == "tied_copy") {
        prototype.tied_copy = as_strings(entry);
        for (const std::string& dialect : prototype.tied_copy) dialect_named(*entry.value, dialect);
      } else if (entry.key == "optional") {
        prototype.part = part(section + "." + as_string(entry), false, head);
      } else if (entry.key == "zeros") {
        for (const std::string& dialect : as_strings(entry)) zeros.push_back(dialect_named(*entry.value, dialect));
      } else if (entry.key == "lead") {
        for (const TomlEntry& rows : in_order(as_table(entry))) {
          const std::int64_t count = as_integer(rows);
          if (count < 0 || count > 1'000'000) fail_at(*rows.value, "'lead' must be 0 to 1000000 rows");
          lead[dialect_named(*rows.value, rows.key)] = count;
        }
      } else if (!family_.dialect_index(entry.key)) {
        fail_at(*entry.value, fmt::format("'{}' is no kind, no dialect and no other known key of a row", entry.key));
      }
    }
    if (kind.empty()) fail_at(*row.value, fmt::format("'{}' says no kind, such as linear = \"H -> H\"", name));
    const std::size_t begin = family_.parameters.size();
    for (const ParameterForm& form : forms(0, kind, *row.value)) {
      Parameter parameter = prototype;
      parameter.name = fmt::format("{}{}.{}", section, family_.sections.back().repeated ? ".{}" : "",
                                   fmt::format("{}.{}", row.key, form.name));
      std::erase_if(parameter.axes, [&](const auto& axis) { return !has_letter(form.layout, axis.first); });
      family_.parameters.push_back(std::move(parameter));
    }
    rows_.emplace(name, RowRange{begin, family_.parameters.size(), family_.sections.size() - 1, row.value});
    if (!tie.empty()) ties_.emplace_back(name, tie);
    for (std::size_t d = 0; d < dialect_count(); ++d) {
      const toml::node* cell = table.get(family_.dialect_names[d]);
      if (cell == nullptr) cell = column(d, name);
      if (cell != nullptr) parse_cell(d, *cell, rows_.at(name), kind, lead.contains(d) ? lead[d] : 0);
    }
    for (const std::size_t d : zeros) {
      for (std::size_t p = begin; p < family_.parameters.size(); ++p) {
        Cell& cell = family_.parameters[p].cells[d];
        if (cell.kind != Cell::Kind::absent) fail_at(*row.value, "has a name and zeros in the same dialect");
        cell.kind = Cell::Kind::zeros;
      }
    }
  }

  static bool has_letter(const Layout& layout, char letter) {
    return std::any_of(layout.begin(), layout.end(), [&](const std::vector<char>& axis) {
      return std::find(axis.begin(), axis.end(), letter) != axis.end();
    });
  }

  const std::vector<ParameterForm>& forms(std::size_t dialect, const std::string& kind, const toml::node& node) {
    const auto& kinds = source_.conventions.dialects.at(family_.dialect_names[dialect]).kinds;
    const auto found = kinds.find(kind);
    if (found == kinds.end()) {
      fail_at(node, fmt::format("dialects.toml has no '{}' for {}", kind, family_.dialect_names[dialect]));
    }
    return found->second;
  }

  // linear = "H -> F" against "i -> o": i = H, o = F.
  std::map<char, Size> parse_axes(const TomlEntry& entry) {
    const std::vector<std::string>& letters = source_.conventions.kinds.at(entry.key);
    const std::vector<std::string> sizes = words(as_string(entry));
    std::map<char, Size> axes;
    bool alike = letters.size() == sizes.size();
    for (std::size_t i = 0; alike && i < letters.size(); ++i) {
      if (letters[i] == "->" || sizes[i] == "->") {
        alike = letters[i] == sizes[i];
        continue;
      }
      const std::optional<Size> size = parse_size(sizes[i]);
      if (!size) fail_at(*entry.value, fmt::format("\"{}\" is no size such as H, 2, H/A or 2P-1", sizes[i]));
      for (const char name : {size->name, size->over}) {
        if (name != 0 && family_.config_key(std::string(1, name)) == nullptr) {
          fail_at(*entry.value, fmt::format("'{}' is no size of [dims]", name));
        }
      }
      axes[letters[i][0]] = *size;
    }
    if (!alike) {
      fail_at(*entry.value,
              fmt::format("{} = \"{}\" does not fit \"{}\"", entry.key, as_string(entry), fmt::join(letters, " ")));
    }
    return axes;
  }

  void add_stored(std::size_t dialect, const toml::node& node, Stored stored) {
    const Section& section = family_.sections[rows_section_];
    stored.name = section_prefixes_[rows_section_][dialect] + stored.name;
    stored.rooted = section_rooted_[rows_section_][dialect];
    const std::size_t number = stored.name.find(kNumber);
    if (section.repeated != (number != std::string::npos) ||
        (number != std::string::npos && stored.name.find(kNumber, number + 1) != std::string::npos)) {
      fail_at(node, fmt::format("\"{}\" must have {} {{}} for the layer's number", stored.name,
                                section.repeated ? "one" : "no"));
    }
    const std::size_t id = family_.dialects[dialect].stored.size();
    for (std::size_t member = 0; member < stored.members.size(); ++member) {
      Cell& cell = family_.parameters[stored.members[member]].cells[dialect];
      if (cell.kind != Cell::Kind::absent) {
        fail_at(node, fmt::format("'{}' is stored twice in {}", family_.parameters[stored.members[member]].name,
                                  family_.dialect_names[dialect]));
      }
      cell = {Cell::Kind::stored, id, member};
    }
    family_.dialects[dialect].stored.push_back(std::move(stored));
    stored_nodes_[{dialect, id}] = &node;
  }

  Layout layout_at(const toml::node& node, const std::string& text) {
    try {
      return parse_layout(text);
    } catch (const std::invalid_argument& e) {
      fail_at(node, e.what());
    }
  }

  void parse_cell(std::size_t dialect, const toml::node& node, const RowRange& row, const std::string& kind,
                  std::int64_t lead) {
    rows_section_ = row.section;
    if (node.is_string()) {
      const std::string path = as_string({"", &node});
      const bool whole_name = path.starts_with('=');
      const std::vector<ParameterForm>& all = forms(dialect, kind, node);
      if (whole_name && all.size() != 1) fail_at(node, fmt::format("a {} has more than one tensor to name", kind));
      for (const ParameterForm& form : all) {
        std::string name = whole_name ? path.substr(1) : form.pattern;
        if (!whole_name) name.replace(name.find(kNumber), kNumber.size(), path);
        add_stored(dialect, node,
                   {.name = name,
                    .rooted = true,
                    .members = {parameter_named(row, form.name, node)},
                    .layout = form.layout,
                    .join = 0,
                    .splits = {},
                    .lead = lead});
      }
      return;
    }
    for (const TomlEntry& entry : in_order(as_table({family_.dialect_names[dialect], &node}))) {
      const std::vector<std::string> form = as_strings(entry);
      if (form.size() != 2) fail_at(*entry.value, fmt::format("'{}' must be [name, layout]", entry.key));
      const std::size_t parameter = parameter_named(row, entry.key, *entry.value);
      const Layout layout = layout_at(*entry.value, form[1]);
      std::size_t letters = 0;
      for (const std::vector<char>& axis : layout) letters += axis.size();
      bool total = letters == family_.parameters[parameter].axes.size();
      for (const auto& [letter, size] : family_.parameters[parameter].axes) total = total && has_letter(layout, letter);
      if (!total) fail_at(*entry.value, fmt::format("layout \"{}\" has other axes than the kind", form[1]));
      add_stored(dialect, *entry.value,
                 {.name = form[0],
                  .rooted = true,
                  .members = {parameter},
                  .layout = layout,
                  .join = 0,
                  .splits = {},
                  .lead = lead});
    }
  }

  std::size_t parameter_named(const RowRange& row, const std::string& name, const toml::node& node) {
    for (std::size_t p = row.begin; p < row.end; ++p) {
      if (family_.parameters[p].name.ends_with("." + name)) return p;
    }
    fail_at(node, fmt::format("the row's kind has no parameter '{}'", name));
  }

  void parse_joins() {
    const toml::node* joins = source_.root.get("join");
    if (joins == nullptr) return;
    for (const TomlEntry& column : in_order(as_table({"join", joins}))) {
      const std::size_t dialect = dialect_named(*column.value, column.key);
      for (const TomlEntry& join : in_order(as_table(column))) parse_join(dialect, join);
    }
  }

  void parse_join(std::size_t dialect, const TomlEntry& join) {
    const std::size_t dot = join.key.rfind('.');
    if (dot == std::string::npos) fail_at(*join.value, "a join is named \"PART.NAME\"");
    const std::string section = join.key.substr(0, dot);
    const toml::table& table = as_table(join);
    const toml::node* of = table.get("of");
    if (of == nullptr) fail_at(*join.value, "'of' is missing: the rows that are joined");
    std::vector<const RowRange*> rows;
    for (const std::string& row : as_strings({"of", of})) {
      const auto found = rows_.find(section + "." + row);
      if (found == rows_.end()) fail_at(*of, fmt::format("there is no row '{}' in '{}'", row, section));
      rows.push_back(&found->second);
    }
    if (rows.size() < 2) fail_at(*of, "a join has two rows or more");
    rows_section_ = rows.front()->section;
    for (const TomlEntry& entry : in_order(table)) {
      if (entry.key == "of") continue;
      const std::vector<std::string> form = as_strings(entry);
      if (form.size() != 3) fail_at(*entry.value, fmt::format("'{}' must be [name, layout, layout of one]", entry.key));
      Stored stored{.name = form[0],
                    .rooted = true,
                    .members = {},
                    .layout = layout_at(*entry.value, form[1]),
                    .join = 0,
                    .splits = {},
                    .lead = 0};
      for (const RowRange* row : rows) stored.members.push_back(parameter_named(*row, entry.key, *entry.value));
      for (const std::size_t member : stored.members) {
        if (family_.parameters[member].axes != family_.parameters[stored.members.front()].axes) {
          fail_at(*entry.value, "the joined rows have different sizes");
        }
      }
      split_axes(stored, layout_at(*entry.value, form[2]), *entry.value);
      add_stored(dialect, *entry.value, std::move(stored));
    }
  }

  // Which of a parameter's axes each group of `one` is. A group of one letter of the kind is that axis; the other
  // groups are the remaining axes, in the order in which the first dialect stores them.
  void split_axes(Stored& stored, const Layout& one, const toml::node& node) {
    const Parameter& parameter = family_.parameters[stored.members.front()];
    std::vector<char> rest;
    const Cell& reference = parameter.cells.front();
    if (reference.kind != Cell::Kind::stored) fail_at(node, "the joined rows are not stored in the first dialect");
    for (const std::vector<char>& axis : family_.dialects.front().stored[reference.stored].layout) {
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
        unnamed += family_.config_key(std::string(1, static_cast<char>(factor - 'a' + 'A'))) == nullptr ? 1 : 0;
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

  void check_columns() {
    const toml::node* columns = source_.root.get("column");
    if (columns == nullptr) return;
    for (const TomlEntry& column : in_order(as_table({"column", columns}))) {
      for (const TomlEntry& entry : in_order(as_table(column))) {
        if (!used_columns_.contains(entry.value)) {
          fail_at(*entry.value, fmt::format("'{}' is no row, no prefix and not the root", entry.key));
        }
      }
    }
  }

  void resolve_ties() {
    for (const auto& [name, target] : ties_) {
      const RowRange& row = rows_.at(name);
      const auto found = rows_.find(target);
      if (found == rows_.end()) fail_at(*row.node, fmt::format("tie: there is no row '{}'", target));
      for (std::size_t i = row.begin; i < row.end; ++i) {
        const std::size_t kept = found->second.begin + (i - row.begin);
        if (kept >= found->second.end || family_.parameters[kept].axes != family_.parameters[i].axes ||
            family_.parameters[kept].tie || found->second.begin == row.begin) {
          fail_at(*row.node,
                  fmt::format("'{}' cannot be tied to '{}': not the same sizes, or tied itself", name, target));
        }
        family_.parameters[i].tie = kept;
      }
    }
  }

  // Total: where a dialect has a part, it has all of it; where a part is required, every dialect has it.
  void check_rows() {
    for (std::size_t d = 0; d < dialect_count(); ++d) {
      for (std::size_t part = 0; part < family_.parts.size(); ++part) {
        const RowRange* lacking = nullptr;
        std::string lacking_name;
        bool held = family_.parts[part].required;
        for (const auto& [name, row] : rows_) {
          for (std::size_t p = row.begin; p < row.end; ++p) {
            const Parameter& parameter = family_.parameters[p];
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
                                              lacking_name, family_.dialect_names[d], family_.parts[part].name));
        }
      }
    }
  }

  void name_tensors() {
    for (std::size_t d = 0; d < dialect_count(); ++d) {
      Dialect& dialect = family_.dialects[d];
      const auto& old_names = source_.conventions.dialects.at(dialect.name).old_names;
      for (std::size_t id = 0; id < dialect.stored.size(); ++id) {
        const Stored& stored = dialect.stored[id];
        if (stored.name.find('/') != std::string::npos) dialect.separator = '/';
        NameTable& names = stored.rooted ? dialect.rooted : dialect.free;
        add_name(names, d, id, stored.name);
        for (const auto& [old_end, new_end] : old_names) {
          if (!stored.name.ends_with(new_end)) continue;
          const std::string old = stored.name.substr(0, stored.name.size() - new_end.size()) + old_end;
          add_name(names, d, id, old);
          dialect.olds.push_back(old_end);
        }
      }
      for (std::size_t id = 0; id < dialect.stored.size(); ++id) {
        if (!dialect.stored[id].rooted) continue;
        for (const std::string& root : dialect.roots) {
          if (dialect.free.find(root + with_number(dialect.stored[id].name, 0))) {
            fail_at(*stored_nodes_.at({d, id}), fmt::format("\"{}{}\" is the name of two tensors in {}", root,
                                                            dialect.stored[id].name, dialect.name));
          }
        }
      }
    }
  }

  void add_name(NameTable& names, std::size_t dialect, std::size_t id, const std::string& name) {
    if (!names.add(name, id)) {
      fail_at(*stored_nodes_.at({dialect, id}),
              fmt::format("\"{}\" is the name of two tensors in {}", name, family_.dialect_names[dialect]));
    }
  }

  const FamilySource& source_;
  Family& family_;
  std::map<std::string, RowRange> rows_;
  std::vector<std::pair<std::string, std::string>> ties_;
  std::vector<std::string> prefixes_;
  std::vector<bool> rooted_;
  std::vector<std::vector<std::string>> section_prefixes_;
  std::vector<std::vector<bool>> section_rooted_;
  std::map<std::pair<std::size_t, std::size_t>, const toml::node*> stored_nodes_;
  std::set<const toml::node*> used_columns_;
  std::size_t rows_section_ = 0;
};

}  // namespace

void parse_rows(const FamilySource& source, Family& family) { RowParser(source, family).parse(); }

}  // namespace transload::mapping
