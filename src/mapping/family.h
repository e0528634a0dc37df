// A family file, compiled: plain tables that binding, planning and configuration work on. docs/mapping.md has the
// source form; parse_family() makes one of these from it and checks it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mapping/dims.h"
#include "mapping/flat_names.h"
#include "mapping/layout.h"
#include "mapping/names.h"

namespace transload::mapping {

// Rows that are there together: a required part, or one that a model has whole or not at all.
struct Part {
  std::string name;  // "layer", "layer.cross_attention", "head.mlm"
  bool required = true;
  bool head = false;
  std::string absent;  // what to say of a source that lacks it; empty: nothing
};

struct Cell {
  enum class Kind : std::uint8_t { absent, stored, zeros } kind = Kind::absent;
  std::size_t stored = 0;  // in the dialect's list
  std::size_t member = 0;  // which of the parameters in that tensor
};

// One tensor of the model, as the family itself thinks of it.
struct Parameter {
  std::string name;  // "layer.{}.query.weight"
  std::size_t part = 0;
  std::map<char, Size> axes;           // 'o' -> H
  std::optional<std::size_t> tie;      // the parameter whose values it shares
  std::string tie_if;                  // a boolean of the configuration that, when false, unties it; empty: never
  std::vector<std::string> tied_copy;  // dialects that write the shared values twice
  std::vector<Cell> cells;             // one per dialect
};

// A run of parameters that belong to one table of the file; a repeated one comes once per layer.
struct Section {
  std::string name;
  std::size_t begin = 0, end = 0;  // of Family::parameters
  bool repeated = false;
};

// Another name of a stored tensor: it is read, and written where its condition holds.
struct Alias {
  std::string name;
  bool rooted = true;
  std::string with, without;  // a part that the model must have, or lack; both empty: never written
  std::string root;           // what then stands before the body's names; empty: the usual root
};

// One tensor of a dialect: one parameter, or several joined.
struct Stored {
  std::string name;  // after the root: "encoder.layer.{}.output.dense.weight"
  bool rooted = true;
  std::vector<std::size_t> members;          // parameters
  Layout layout;                             // of the whole tensor
  char join = 0;                             // the factor that counts the members; 0: there is one
  std::map<char, std::vector<char>> splits;  // a parameter's axis cut into factors, outermost first
  std::int64_t lead = 0;                     // rows of zeros before row 0 of the first axis
  std::vector<Alias> aliases;
};

// Parameters that are written together, in this order: once, or once per layer.
struct Run {
  std::vector<std::size_t> parameters;
  bool repeated = false;
};

struct DropRule {
  std::string glob, reason;
};

struct Dialect {
  std::string name, title;
  std::vector<std::string> roots, wrappers, containers;
  std::map<std::string, std::string> metadata;
  std::vector<std::pair<std::string, std::string>> old_names;  // end of a name, today's end
  std::vector<FlatName> flat_names;
  std::vector<Stored> stored;
  std::vector<Run> order;  // of the output
  NameTable rooted, free;  // names -> stored
  std::vector<DropRule> drops;
  char separator = '.';
};

// How a configuration file of a dialect spells a key.
struct ConfigCell {
  std::string key;                    // empty: it has none
  std::optional<std::string> preset;  // JSON text: what the framework takes when the key is missing
  std::optional<std::string> fixed;   // JSON text: what the framework's code has, whatever the file says
  std::string otherwise;              // why a value other than `fixed` is an error here; empty: it is a note
  std::optional<std::string> null;    // JSON text: what a null there means
  bool omit = false;                  // not written when it equals `preset`
  std::int64_t plus = 0;              // a size: the file has this much more
};

struct ConfigKey {
  enum class Check : std::uint8_t { size, positive, probability, boolean, integer, one_of } check = Check::size;
  std::string name;                                           // "activation"; for a size its letter, "H"
  std::string divides;                                        // a size: the letter that must be a multiple of it
  bool required = true;                                       // for writing a configuration
  std::vector<std::string> values;                            // one_of
  std::vector<ConfigCell> cells;                              // one per dialect
  std::vector<std::map<std::string, std::string>> spellings;  // one per dialect: value -> the dialect's
};

// A class of models in the sense of `architectures`.
struct Model {
  std::string name;
  std::vector<std::size_t> parts;  // beside the required ones
  std::map<char, std::int64_t> dims;
  std::map<std::string, std::string> config;  // key -> JSON text; another value speaks against this class
};

// A part that is there exactly when a key of the configuration has one of these values (JSON texts).
struct Agreement {
  std::size_t part = 0;
  std::string key;
  std::vector<std::string> values;
};

// What a user should know when a model goes from one dialect to another.
struct Notice {
  std::string from, to, text;
  std::optional<std::size_t> part;            // applies when the model has it
  std::map<std::string, std::string> config;  // applies when all of these hold; JSON texts
};

// The form of a dialect's configuration file.
struct ConfigFile {
  std::vector<std::string> marks;              // one of these keys tells it from another dialect's with equal keys
  std::map<std::string, std::string> require;  // key -> text that it must have
  std::map<std::string, std::string> refuse;   // key -> why
  std::string classes;                         // key of the list of classes
  std::vector<std::string> dtype;              // key of the weights' dtype: the first is written, the others are known
  char labels = 0;                             // the size that is written as id2label and label2id
  std::vector<std::string> leave;              // keys never written
  std::string constants = "{}";                // JSON object: what is written beside the known keys
  std::map<std::string, std::string> expect;   // key -> JSON text: the only value it may have, if it is there
  std::map<std::string, std::string> same;     // key -> the key whose value it has too
  std::vector<std::string> order;              // of the keys when written; the others follow, sorted
  // What tells this family from others with the same names: keys that are there, or are not, and values (JSON texts).
  std::vector<std::string> told_with, told_without;
  std::map<std::string, std::string> told_values;
};

// A published model: what its sizes leave open, for a file that comes without configuration.
struct Published {
  std::string name;
  std::size_t dialect = 0;
  std::map<char, std::int64_t> sizes;
  std::map<std::string, std::string> config;  // key -> JSON text
};

struct Family {
  std::string name;
  std::string base;  // the family that a checkpoint is taken for when nothing tells it from this one; empty: none
  std::vector<Part> parts;
  std::vector<Section> sections;
  std::vector<Parameter> parameters;
  std::vector<std::string> dialect_names;
  std::vector<Dialect> dialects;
  char layers = 0;                // the size that counts the repeated section; 0: none is
  std::vector<ConfigKey> config;  // sizes first
  std::vector<ConfigFile> config_files;
  std::vector<Model> models;
  std::vector<Agreement> agreements;
  std::vector<Notice> notices;
  std::vector<Published> published;

  std::optional<std::size_t> dialect_index(std::string_view dialect) const;
  std::optional<std::size_t> part_index(std::string_view part) const;
  const ConfigKey* config_key(std::string_view key) const;
};

Family parse_family(std::string_view family_toml, std::string_view dialects_toml, std::string_view file_name);

}  // namespace transload::mapping
