#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "mapping/row_table.h"

namespace transload::mapping {
namespace {

// Tables of a family file that are no parts.
constexpr std::string_view kNoParts[] = {"family",      "base",   "dialects", "root",     "dims",     "config",
                                         "config_file", "models", "agree",    "notice",   "spelling", "drop",
                                         "column",      "join",   "order",    "published"};
// Keys of a part that are no rows.
constexpr std::string_view kNoRows[] = {"optional", "absent", "rooted", "repeat", "prefix"};

bool one_of(std::string_view key, std::span<const std::string_view> keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// What a row says beside its cells.
struct RowKeys {
  std::string kind, tie;
  std::vector<std::size_t> zeros;            // dialects
  std::map<std::size_t, std::int64_t> lead;  // dialect -> rows
  const toml::node* also = nullptr;
  Parameter prototype;
};

// Compiles the parts of one family file.
class RowParser {
 public:
  RowParser(const FamilySource& source, Family& family) : source_(source), family_(family) {}

  RowTable parse() {
    parse_roots();
    for (const TomlEntry& entry : in_order(source_.root)) {
      if (one_of(entry.key, kNoParts)) continue;
      if (entry.key == "head") {
        for (const TomlEntry& head : in_order(as_table(entry))) parse_section(head, "head." + head.key, true);
      } else {
        parse_section(entry, entry.key, false);
      }
    }
    check_columns();
    return std::move(table_);
  }

 private:
  std::size_t dialect_count() const { return family_.dialects.size(); }

  // What `column` has for a dialect under this key; nullptr: nothing.
  const toml::node* column(std::size_t dialect, const std::string& key) {
    const toml::node* columns = source_.root.get("column");
    if (columns == nullptr) return nullptr;
    const toml::node* own = as_table({"column", columns}).get(family_.dialect_names[dialect]);
    const toml::node* cell = own == nullptr ? nullptr : as_table({"column", own}).get(key);
    if (cell != nullptr) used_columns_.insert(cell);
    return cell;
  }

  void check_columns() const {
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
    family_.parts.push_back({name, required, head, {}});
    return family_.parts.size() - 1;
  }

  void parse_section(const TomlEntry& entry, const std::string& name, bool head) {
    const toml::table& table = as_table(entry);
    Section section{.name = name, .begin = family_.parameters.size(), .end = 0, .repeated = false};
    SectionNames names{std::vector<std::string>(dialect_count()), std::vector<bool>(dialect_count(), !head)};
    bool required = !head;
    for (const TomlEntry& key : in_order(table)) {
      if (key.key == "optional") required = required && !as_bool(key);
      if (key.key == "repeat") section.repeated = set_layers(key);
      if (key.key == "rooted") {
        for (const std::string& dialect : as_strings(key)) {
          names.rooted[dialect_named(family_, *key.value, dialect)] = true;
        }
      }
      if (key.key == "prefix") {
        for (const TomlEntry& prefix : in_order(as_table(key))) {
          names.prefixes[dialect_named(family_, *prefix.value, prefix.key)] = as_string(prefix);
        }
      }
    }
    for (std::size_t d = 0; d < dialect_count(); ++d) {
      if (const toml::node* prefix = column(d, name + ".prefix")) names.prefixes[d] = as_string({"prefix", prefix});
    }
    const std::size_t own = part(name, required, head);
    if (const toml::node* text = table.get("absent")) family_.parts[own].absent = as_string({"absent", text});
    family_.sections.push_back(section);
    table_.sections.push_back(std::move(names));
    for (const TomlEntry& row : in_order(table)) {
      if (!one_of(row.key, kNoRows)) parse_row(row, name, own);
    }
    family_.sections.back().end = family_.parameters.size();
    if (section.begin == family_.parameters.size()) fail_at(*entry.value, fmt::format("part '{}' has no rows", name));
  }

  bool set_layers(const TomlEntry& repeat) {
    const std::string letter = as_string(repeat);
    if (family_.config_key(letter) == nullptr || letter.size() != 1) {
      fail_at(*repeat.value, fmt::format("'{}' is no size of [dims]", letter));
    }
    if (family_.layers != 0) fail_at(*repeat.value, "only one part can be repeated");
    family_.layers = letter[0];
    return true;
  }

  void parse_row(const TomlEntry& row, const std::string& section, std::size_t own_part) {
    const std::string name = section + "." + row.key;
    const RowKeys keys = parse_keys(row, section, own_part);
    const RowRange range = add_parameters(row, section, keys);
    table_.rows.emplace(name, range);
    if (!keys.tie.empty()) table_.ties.emplace_back(name, keys.tie);
    for (std::size_t d = 0; d < dialect_count(); ++d) {
      const toml::node* cell = as_table(row).get(family_.dialect_names[d]);
      if (cell == nullptr) cell = column(d, name);
      const auto lead = keys.lead.find(d);
      if (cell != nullptr) parse_cell(d, *cell, range, keys.kind, lead == keys.lead.end() ? 0 : lead->second);
    }
    if (keys.also != nullptr) parse_aliases(*keys.also, range, keys.kind);
    for (const std::size_t d : keys.zeros) {
      for (std::size_t p = range.begin; p < range.end; ++p) {
        Cell& cell = family_.parameters[p].cells[d];
        if (cell.kind != Cell::Kind::absent) fail_at(*row.value, "has a name and zeros in the same dialect");
        cell.kind = Cell::Kind::zeros;
      }
    }
  }

  RowKeys parse_keys(const TomlEntry& row, const std::string& section, std::size_t own_part) {
    RowKeys keys;
    keys.prototype.part = own_part;
    keys.prototype.cells.resize(dialect_count());
    for (const TomlEntry& entry : in_order(as_table(row))) {
      if (source_.conventions.kinds.contains(entry.key)) {
        if (!keys.kind.empty()) {
          fail_at(*entry.value, fmt::format("'{}' has two kinds: {} and {}", row.key, keys.kind, entry.key));
        }
        keys.kind = entry.key;
        keys.prototype.axes = parse_axes(entry);
      } else if (entry.key == "tie") {
        keys.tie = as_string(entry);
      } else if (entry.key == "tie_if") {
        keys.prototype.tie_if = as_string(entry);
        const ConfigKey* key = family_.config_key(keys.prototype.tie_if);
        if (key == nullptr || key->check != ConfigKey::Check::boolean) {
          fail_at(*entry.value, fmt::format("'{}' is no boolean of [config]", keys.prototype.tie_if));
        }
      } else if (entry.key == "tied_copy") {
        keys.prototype.tied_copy = as_strings(entry);
        for (const std::string& dialect : keys.prototype.tied_copy) dialect_named(family_, *entry.value, dialect);
      } else if (entry.key == "also") {
        keys.also = entry.value;
      } else if (entry.key == "optional") {
        keys.prototype.part = part(section + "." + as_string(entry), false, family_.parts[own_part].head);
      } else if (entry.key == "zeros") {
        for (const std::string& dialect : as_strings(entry)) {
          keys.zeros.push_back(dialect_named(family_, *entry.value, dialect));
        }
      } else if (entry.key == "lead") {
        for (const TomlEntry& rows : in_order(as_table(entry))) {
          const std::int64_t count = as_integer(rows);
          if (count < 0 || count > 1'000'000) fail_at(*rows.value, "'lead' must be 0 to 1000000 rows");
          keys.lead[dialect_named(family_, *rows.value, rows.key)] = count;
        }
      } else if (!family_.dialect_index(entry.key)) {
        fail_at(*entry.value, fmt::format("'{}' is no kind, no dialect and no other known key of a row", entry.key));
      }
    }
    if (keys.kind.empty()) {
      fail_at(*row.value, fmt::format("'{}' says no kind, such as linear = \"H -> H\"", row.key));
    }
    return keys;
  }

  RowRange add_parameters(const TomlEntry& row, const std::string& section, const RowKeys& keys) {
    const std::size_t begin = family_.parameters.size();
    const bool repeated = family_.sections.back().repeated;
    for (const ParameterForm& form : forms(0, keys.kind, *row.value)) {
      Parameter parameter = keys.prototype;
      parameter.name = fmt::format("{}{}.{}.{}", section, repeated ? ".{}" : "", row.key, form.name);
      std::erase_if(parameter.axes, [&](const auto& axis) { return !has_letter(form.layout, axis.first); });
      family_.parameters.push_back(std::move(parameter));
    }
    return {begin, family_.parameters.size(), family_.sections.size() - 1, row.value};
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

  void parse_cell(std::size_t dialect, const toml::node& node, const RowRange& row, const std::string& kind,
                  std::int64_t lead) {
    const auto add = [&](const toml::node& at, std::string name, std::size_t parameter, const Layout& layout) {
      Stored stored;
      stored.name = std::move(name);
      stored.members = {parameter};
      stored.layout = layout;
      stored.lead = lead;
      add_stored(family_, table_, row.section, dialect, at, std::move(stored));
    };
    if (node.is_string()) {
      const std::string path = as_string({"", &node});
      const bool whole_name = path.starts_with('=');
      const std::vector<ParameterForm>& all = forms(dialect, kind, node);
      if (whole_name && all.size() != 1) fail_at(node, fmt::format("a {} has more than one tensor to name", kind));
      for (const ParameterForm& form : all) {
        std::string name = whole_name ? path.substr(1) : form.pattern;
        if (!whole_name) name.replace(name.find(kNumber), kNumber.size(), path);
        add(node, std::move(name), parameter_named(family_, row, form.name, node), form.layout);
      }
      return;
    }
    for (const TomlEntry& entry : in_order(as_table({family_.dialect_names[dialect], &node}))) {
      const std::vector<std::string> form = as_strings(entry);
      if (form.size() != 2) fail_at(*entry.value, fmt::format("'{}' must be [name, layout]", entry.key));
      const std::size_t parameter = parameter_named(family_, row, entry.key, *entry.value);
      const Layout layout = layout_at(*entry.value, form[1]);
      const std::map<char, Size>& axes = family_.parameters[parameter].axes;
      std::size_t letters = 0;
      for (const std::vector<char>& axis : layout) letters += axis.size();
      const bool total = letters == axes.size() && std::all_of(axes.begin(), axes.end(), [&](const auto& axis) {
                           return has_letter(layout, axis.first);
                         });
      if (!total) fail_at(*entry.value, fmt::format("layout \"{}\" has other axes than the kind", form[1]));
      add(*entry.value, form[0], parameter, layout);
    }
  }

  // `also`: other paths of the row's module.
  void parse_aliases(const toml::node& node, const RowRange& row, const std::string& kind) {
    const toml::array* list = node.as_array();
    if (list == nullptr) fail_at(node, "'also' must be a list of tables");
    for (const toml::node& each : *list) {
      Alias alias;
      std::string path;
      std::optional<std::size_t> dialect;
      std::optional<bool> rooted;
      for (const TomlEntry& entry : in_order(as_table({"also", &each}))) {
        if (entry.key == "with" || entry.key == "without") {
          (entry.key == "with" ? alias.with : alias.without) = as_string(entry);
        } else if (entry.key == "root") {
          alias.root = as_string(entry);
        } else if (entry.key == "rooted") {
          rooted = as_bool(entry);
        } else {
          dialect = dialect_named(family_, *entry.value, entry.key);
          path = as_string(entry);
        }
      }
      if (!dialect || path.empty()) fail_at(each, "another name is { DIALECT = \"PATH\" }");
      alias.rooted = rooted.value_or(table_.sections[row.section].rooted[*dialect]);
      for (const ParameterForm& form : forms(*dialect, kind, each)) {
        const Cell& cell = family_.parameters[parameter_named(family_, row, form.name, each)].cells[*dialect];
        if (cell.kind != Cell::Kind::stored || cell.member != 0) {
          fail_at(each, fmt::format("the row has no name of its own in {}", family_.dialect_names[*dialect]));
        }
        alias.name = form.pattern;
        alias.name.replace(alias.name.find(kNumber), kNumber.size(), path);
        family_.dialects[*dialect].stored[cell.stored].aliases.push_back(alias);
      }
    }
  }

  const FamilySource& source_;
  Family& family_;
  RowTable table_;
  std::set<const toml::node*> used_columns_;
};

}  // namespace

void parse_rows(const FamilySource& source, Family& family) {
  RowTable table = RowParser(source, family).parse();
  parse_joins(source, family, table);
  parse_order(source, family, table);
  check_rows(family, table);
}

}  // namespace transload::mapping
