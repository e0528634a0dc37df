#include <fmt/format.h>

#include <map>

#include "mapping/family_parser.h"

namespace transload::mapping {
namespace {

ConfigCell parse_cell(const TomlEntry& entry) {
  ConfigCell cell;
  if (entry.value->is_string()) {
    cell.key = as_string(entry);
    return cell;
  }
  const toml::table& table = as_table(entry);
  only_keys(table, {"key", "default", "fixed", "else", "null", "omit", "plus"});
  for (const TomlEntry& part : in_order(table)) {
    if (part.key == "key") cell.key = as_string(part);
    if (part.key == "default") cell.preset = as_json(part);
    if (part.key == "fixed") cell.fixed = as_json(part);
    if (part.key == "else") cell.otherwise = as_string(part);
    if (part.key == "null") cell.null = as_json(part);
    if (part.key == "omit") cell.omit = as_bool(part);
    if (part.key == "plus") cell.plus = as_integer(part);
  }
  if (cell.key.empty() == !cell.fixed) fail_at(*entry.value, "needs either 'key' or 'fixed'");
  if (!cell.otherwise.empty() && !cell.fixed) fail_at(*entry.value, "'else' is for what is 'fixed'");
  return cell;
}

void parse_check(const TomlEntry& entry, ConfigKey& key) {
  static const std::map<std::string_view, ConfigKey::Check> kChecks{{"size", ConfigKey::Check::size},
                                                                    {"positive", ConfigKey::Check::positive},
                                                                    {"probability", ConfigKey::Check::probability},
                                                                    {"boolean", ConfigKey::Check::boolean},
                                                                    {"integer", ConfigKey::Check::integer}};
  if (entry.value->is_array()) {
    key.check = ConfigKey::Check::one_of;
    key.values = as_strings(entry);
    return;
  }
  const auto found = kChecks.find(as_string(entry));
  if (found == kChecks.end()) {
    fail_at(*entry.value, "'is' must be size, positive, probability, boolean, integer or a list of texts");
  }
  key.check = found->second;
}

ConfigKey parse_key(const TomlEntry& entry, const Family& family, bool size) {
  ConfigKey key;
  key.name = entry.key;
  key.required = size;
  key.cells.resize(family.dialects.size());
  key.spellings.resize(family.dialects.size());
  bool checked = size;
  for (const TomlEntry& part : in_order(as_table(entry))) {
    if (const auto dialect = family.dialect_index(part.key)) {
      key.cells[*dialect] = parse_cell(part);
    } else if (part.key == "required" && !size) {
      key.required = as_bool(part);
    } else if (part.key == "is" && !size) {
      parse_check(part, key);
      checked = true;
    } else if (part.key == "divides" && size) {
      key.divides = as_string(part);
    } else {
      fail_at(*part.value, fmt::format("'{}' is neither a dialect nor a known key of '{}'", part.key, entry.key));
    }
  }
  if (!checked) fail_at(*entry.value, fmt::format("'{}' says nothing about what its value 'is'", entry.key));
  return key;
}

void parse_spellings(const FamilySource& source, Family& family) {
  const toml::node* spelling = source.root.get("spelling");
  if (spelling == nullptr) return;
  for (const TomlEntry& column : in_order(as_table({"spelling", spelling}))) {
    const auto dialect = family.dialect_index(column.key);
    if (!dialect) fail_at(*column.value, fmt::format("'{}' is not one of the dialects", column.key));
    for (const TomlEntry& entry : in_order(as_table(column))) {
      ConfigKey* key = nullptr;
      for (ConfigKey& each : family.config) key = each.name == entry.key ? &each : key;
      if (key == nullptr) fail_at(*entry.value, fmt::format("'{}' is no key of [config]", entry.key));
      for (const TomlEntry& value : in_order(as_table(entry))) key->spellings[*dialect][value.key] = as_string(value);
    }
  }
}

}  // namespace

void parse_config_keys(const FamilySource& source, Family& family) {
  const toml::node* dims = source.root.get("dims");
  if (dims == nullptr) fail_at(source.root, "'dims' is missing: the sizes of the family");
  for (const TomlEntry& entry : in_order(as_table({"dims", dims}))) {
    if (entry.key.size() != 1 || entry.key[0] < 'A' || entry.key[0] > 'Z') {
      fail_at(*entry.value, fmt::format("size '{}' is not one capital letter", entry.key));
    }
    family.config.push_back(parse_key(entry, family, true));
  }
  for (const ConfigKey& key : family.config) {
    if (!key.divides.empty() && family.config_key(key.divides) == nullptr) {
      fail_at(*dims, fmt::format("'{}' divides '{}', which is no size", key.name, key.divides));
    }
  }
  if (const toml::node* config = source.root.get("config")) {
    for (const TomlEntry& entry : in_order(as_table({"config", config}))) {
      if (family.config_key(entry.key) != nullptr) fail_at(*entry.value, fmt::format("'{}' is a size", entry.key));
      family.config.push_back(parse_key(entry, family, false));
    }
  }
  parse_spellings(source, family);
}

}  // namespace transload::mapping
