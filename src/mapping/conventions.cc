#include "mapping/conventions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "mapping/names.h"
#include "mapping/toml_order.h"

namespace transload::mapping {
namespace {

std::set<char> letters(const Layout& layout) {
  std::set<char> all;
  for (const std::vector<char>& axis : layout) all.insert(axis.begin(), axis.end());
  return all;
}

// "i -> o" has the axes i and o.
std::vector<std::string> axes_of_kind(const TomlEntry& kind) {
  std::vector<std::string> axes = words(as_string(kind));
  if (axes.empty()) fail_at(*kind.value, fmt::format("'{}' has no axes", kind.key));
  std::set<std::string> seen;
  for (const std::string& axis : axes) {
    if (axis != "->" && (axis.size() != 1 || !seen.insert(axis).second)) {
      fail_at(*kind.value, fmt::format("'{}' is no axis of one letter, or one of two that are alike", axis));
    }
  }
  return axes;
}

// `axes` are those of the kind.
std::vector<ParameterForm> parse_kind(const TomlEntry& kind, const std::vector<std::string>& axes) {
  std::vector<ParameterForm> forms;
  for (const TomlEntry& entry : in_order(as_table(kind))) {
    const std::vector<std::string> form = as_strings(entry);
    if (form.size() != 2) fail_at(*entry.value, fmt::format("'{}' must be [name, layout]", entry.key));
    if (form[0].find(kNumber) == std::string::npos) {
      fail_at(*entry.value, fmt::format("\"{}\" has no {{}} for the module's path", form[0]));
    }
    try {
      forms.push_back({entry.key, form[0], parse_layout(form[1])});
    } catch (const std::invalid_argument& e) {
      fail_at(*entry.value, e.what());
    }
    for (const char letter : letters(forms.back().layout)) {
      if (std::ranges::find(axes, std::string(1, letter)) == axes.end()) {
        fail_at(*entry.value, fmt::format("layout \"{}\" has the axis '{}', which is none of \"{}\"", form[1], letter,
                                          fmt::join(axes, " ")));
      }
    }
  }
  return forms;
}

Convention parse_dialect(const TomlEntry& dialect, const Conventions& all) {
  Convention convention{.title = dialect.key,
                        .kinds = {},
                        .old_names = {},
                        .wrappers = {},
                        .containers = {},
                        .metadata = {},
                        .flat_names = {}};
  for (const TomlEntry& entry : in_order(as_table(dialect))) {
    if (entry.key == "title") {
      convention.title = as_string(entry);
    } else if (entry.key == "wrappers") {
      convention.wrappers = as_strings(entry);
    } else if (entry.key == "containers") {
      convention.containers = as_strings(entry);
    } else if (entry.key == "metadata") {
      for (const TomlEntry& pair : in_order(as_table(entry))) convention.metadata[pair.key] = as_string(pair);
    } else if (entry.key == "flat_names") {
      for (const TomlEntry& pair : in_order(as_table(entry))) {
        convention.flat_names.push_back({pair.key, as_string(pair)});
      }
    } else if (entry.key == "old_names") {
      for (const TomlEntry& pair : in_order(as_table(entry))) {
        convention.old_names.emplace_back(pair.key, as_string(pair));
      }
    } else if (all.kinds.contains(entry.key)) {
      convention.kinds[entry.key] = parse_kind(entry, all.kinds.at(entry.key));
    } else {
      fail_at(*entry.value, fmt::format("'{}' is no kind of module and no other known key", entry.key));
    }
  }
  return convention;
}

// Every dialect has the same parameters with the same letters for a kind, else no layout could lead to another.
void check_alike(const toml::table& root, const Conventions& all) {
  for (const auto& [kind, unused] : all.kinds) {
    const std::vector<ParameterForm>* first = nullptr;
    for (const auto& [name, dialect] : all.dialects) {
      const auto found = dialect.kinds.find(kind);
      if (found == dialect.kinds.end()) continue;
      if (first == nullptr) first = &found->second;
      bool alike = first->size() == found->second.size();
      for (const ParameterForm& form : found->second) {
        bool known = false;
        for (const ParameterForm& other : *first) {
          known = known || (other.name == form.name && letters(other.layout) == letters(form.layout));
        }
        alike = alike && known;
      }
      if (!alike) {
        fail_at(*root.at_path(name).at_path(kind).node(),
                fmt::format("'{}' has other parameters or axes in {} than in another dialect", kind, name));
      }
    }
  }
}

}  // namespace

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> all;
  for (std::string word; stream >> word;) all.push_back(word);
  return all;
}

Conventions parse_conventions(std::string_view dialects_toml) {
  const toml::table root = parse_toml(dialects_toml, "dialects.toml");
  Conventions all;
  const std::vector<TomlEntry> entries = in_order(root);
  for (const TomlEntry& entry : entries) {
    if (entry.key != "kinds") continue;
    for (const TomlEntry& kind : in_order(as_table(entry))) {
      all.kinds[kind.key] = axes_of_kind(kind);
    }
  }
  for (const TomlEntry& entry : entries) {
    if (entry.key != "kinds") all.dialects[entry.key] = parse_dialect(entry, all);
  }
  check_alike(root, all);
  return all;
}

}  // namespace transload::mapping
