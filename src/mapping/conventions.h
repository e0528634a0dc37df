// dialects.toml, compiled: how each framework names and lays out the parameters of a standard module.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mapping/flat_names.h"
#include "mapping/layout.h"

namespace transload::mapping {

// A parameter of a kind of module, as one dialect has it.
struct ParameterForm {
  std::string name;     // "weight"
  std::string pattern;  // "{}/kernel": "{}" is the module's path
  Layout layout;
};

struct Convention {
  std::string title;
  std::map<std::string, std::vector<ParameterForm>> kinds;     // in the order in which the framework lists them
  std::vector<std::pair<std::string, std::string>> old_names;  // end of a name, today's end
  std::vector<std::string> wrappers, containers;
  std::map<std::string, std::string> metadata;
  std::vector<FlatName> flat_names;
};

struct Conventions {
  std::map<std::string, std::vector<std::string>> kinds;  // "linear" -> {"i", "->", "o"}
  std::map<std::string, Convention> dialects;
};

Conventions parse_conventions(std::string_view dialects_toml);

// "H -> F" -> {"H", "->", "F"}.
std::vector<std::string> words(std::string_view text);

}  // namespace transload::mapping
