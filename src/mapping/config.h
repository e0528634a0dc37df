// Configuration files of any dialect: reading them, and writing a dialect's own.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/family.h"
#include "transload/dtype.h"
#include "transload/mapping.h"

namespace transload::mapping {

// What a configuration file says, in the family's own keys.
struct ReadConfig {
  std::size_t dialect = 0;
  std::string file;
  ModelConfig values;                        // sizes and keys -> JSON text; presets of missing keys included
  std::map<std::string, std::string> spelt;  // the file's spelling of each key that it has: "H" -> "hidden_size"
  std::vector<std::string> classes;          // `architectures`
};

// The dialect is told by the keys. Errc::corrupt when the text is no JSON, Errc::mismatch with all problems at once
// when it is none of this family or a value is none that its key can have: sizes are integers from 1 to 2^31 - 1
// (8.0 is refused too), numbers are finite, texts are from the key's list.
ReadConfig read_config(const Family& family, std::string_view json, const std::string& file);

// The values of a key as the dialect spells them.
std::set<std::string> spellings_of(const ConfigKey& key, std::size_t dialect);

// How well the configuration speaks for this family, among others with the same names.
struct Told {
  std::size_t signs = 0;  // 0: one of this family is missing; else one more than there are (`told_...`)
  std::string absent;     // where only keys that are not there speak for it: those
};
// nullopt: it is another family's.
std::optional<Told> told_by(const Family& family, std::string_view json);

// The class for a model with these parts, and a note where the parts fit several.
struct ChosenClass {
  const Model* model = nullptr;  // null: none has these parts
  std::string note;
};
// The classes that the bound configuration names.
std::vector<std::string> known_classes(const Binding& binding);
ChosenClass choose_class(const Family& family, const Binding& binding, const std::vector<std::string>& wanted);

// Mapping::config_file().
std::string write_config(const Family& family, const Binding& binding, std::string_view dialect, DType dtype,
                         const std::optional<std::string>& base);

}  // namespace transload::mapping
