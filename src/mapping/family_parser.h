// From the TOML of a family file to its compiled form, in three steps that build on each other.
#pragma once

#include <toml++/toml.h>
#include <string>

#include "mapping/conventions.h"
#include "mapping/family.h"
#include "mapping/toml_order.h"

namespace transload::mapping {

// What all steps see: the source, and what is compiled so far.
struct FamilySource {
  const toml::table& root;
  const Conventions& conventions;
};

// Throws fail_at() for the first key of `table` that is not one of `known`.
void only_keys(const toml::table& table, std::initializer_list<std::string_view> known);

// Step 1: `dims` and `config`: what sizes and keys there are, and how each dialect spells them.
void parse_config_keys(const FamilySource& source, Family& family);
// Step 2: the parts with their rows, `column` and `join`: every parameter, and every stored tensor of every dialect.
void parse_rows(const FamilySource& source, Family& family);
// Step 3: what refers to parts and keys: `models`, `agree`, `notice`, `config_file`, `drop`.
void parse_rules(const FamilySource& source, Family& family);

}  // namespace transload::mapping
