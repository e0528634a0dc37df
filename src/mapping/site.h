// Where in a checkpoint a model lies: its names may stand in a container, behind a wrapper's prefix and behind a root.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/family.h"

namespace transload::mapping {

// A stored name is container + "/" + prefix + root + the dialect's name; heads have no root.
struct Site {
  std::string container;  // "state_dict"; empty: the top
  std::string prefix;     // "module."
  std::string root;       // "bert."
  std::size_t names = 0;  // how many of the body's tensors lie here
  std::size_t rows = 0;   // how many of the body's distinct patterns they are

  // The part of `name` after container and prefix; nullopt when it lies elsewhere.
  std::optional<std::string_view> strip(std::string_view name) const;
};

// Sites of a model in this dialect, the fullest first, among names as looked_up_names() gives them. `skip[i]`: name i
// does not count.
std::vector<Site> find_sites(const Dialect& dialect, const std::vector<std::string>& names,
                             const std::vector<bool>& skip);

// At the top, or in containers that the dialect's conventions name.
bool in_usual_place(const Dialect& dialect, const Site& site);

// The stored tensors that a whole model has at least (required parts, each layer's once).
std::set<std::size_t> required_rows(const Family& family, std::size_t dialect);

// What a stripped name stands for; nullopt: no row has it.
struct NamedRow {
  std::size_t stored;
  std::int64_t layer;  // -1: not of a repeated part
};
std::optional<NamedRow> row_of(const Dialect& dialect, const Site& site, std::string_view stripped);

// The reason why a rule of the dialect drops this name; nullptr: none does.
const DropRule* drop_rule(const Dialect& dialect, std::string_view stripped);

}  // namespace transload::mapping
