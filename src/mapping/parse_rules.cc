#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "mapping/family_parser.h"

namespace transload::mapping {
namespace {

std::size_t part_named(const Family& family, const toml::node& node, const std::string& name) {
  if (const auto part = family.part_index(name)) return *part;
  fail_at(node, fmt::format("there is no part '{}'", name));
}

const ConfigKey& key_named(const Family& family, const toml::node& node, const std::string& name) {
  if (const ConfigKey* key = family.config_key(name)) return *key;
  fail_at(node, fmt::format("'{}' is no key of [config] or [dims]", name));
}

std::size_t dialect_named(const Family& family, const TomlEntry& entry) {
  if (const auto dialect = family.dialect_index(entry.key)) return *dialect;
  fail_at(*entry.value, fmt::format("'{}' is not one of the dialects", entry.key));
}

void parse_model(const TomlEntry& entry, Family& family) {
  Model model{.name = entry.key, .parts = {}, .dims = {}};
  std::vector<std::string> parts;
  if (const toml::table* table = entry.value->as_table()) {
    for (const TomlEntry& part : in_order(*table)) {
      if (part.key == "parts") {
        parts = as_strings(part);
      } else {
        static_cast<void>(key_named(family, *part.value, part.key));
        if (part.key.size() != 1) fail_at(*part.value, "a class fixes sizes only");
        model.dims[part.key[0]] = as_integer(part);
      }
    }
  } else {
    parts = as_strings(entry);
  }
  for (const std::string& part : parts) model.parts.push_back(part_named(family, *entry.value, part));
  family.models.push_back(std::move(model));
}

void parse_agreement(const TomlEntry& entry, Family& family) {
  for (const TomlEntry& key : in_order(as_table(entry))) {
    Agreement agreement{part_named(family, *entry.value, entry.key), key.key, {}};
    static_cast<void>(key_named(family, *key.value, key.key));
    const toml::array* values = key.value->as_array();
    if (values == nullptr) fail_at(*key.value, "must be a list of values");
    for (const toml::node& value : *values) agreement.values.push_back(as_json({key.key, &value}));
    family.agreements.push_back(std::move(agreement));
  }
}

void parse_notice(const toml::node& node, Family& family) {
  const toml::table& table = as_table({"notice", &node});
  only_keys(table, {"from", "to", "part", "config", "text"});
  Notice notice;
  for (const TomlEntry& entry : in_order(table)) {
    if (entry.key == "from" || entry.key == "to") {
      const std::string dialect = as_string(entry);
      static_cast<void>(dialect_named(family, {dialect, entry.value}));
      (entry.key == "from" ? notice.from : notice.to) = dialect;
    } else if (entry.key == "part") {
      notice.part = part_named(family, *entry.value, as_string(entry));
    } else if (entry.key == "text") {
      notice.text = as_string(entry);
    } else {
      for (const TomlEntry& value : in_order(as_table(entry))) {
        static_cast<void>(key_named(family, *value.value, value.key));
        notice.config[value.key] = as_json(value);
      }
    }
  }
  family.notices.push_back(std::move(notice));
}

// A JSON object as text: its members.
std::map<std::string, std::string> json_members(const TomlEntry& entry) {
  const auto json = nlohmann::json::parse(as_string(entry), nullptr, false);
  if (!json.is_object()) fail_at(*entry.value, fmt::format("'{}' must be the text of a JSON object", entry.key));
  std::map<std::string, std::string> members;
  for (const auto& [key, value] : json.items()) members[key] = value.dump();
  return members;
}

void parse_published(const TomlEntry& entry, Family& family) {
  Published model{.name = entry.key, .dialect = 0, .sizes = {}, .config = {}};
  for (const TomlEntry& value : in_order(as_table(entry))) {
    if (value.key == "dialect") {
      model.dialect = dialect_named(family, {as_string(value), value.value});
      continue;
    }
    const ConfigKey& key = key_named(family, *value.value, value.key);
    if (key.check == ConfigKey::Check::size && key.divides.empty()) {
      model.sizes[value.key[0]] = as_integer(value);
    } else {
      model.config[value.key] = as_json(value);
    }
  }
  family.published.push_back(std::move(model));
}

ConfigFile parse_config_file(const TomlEntry& file, const Family& family) {
  const toml::table& table = as_table(file);
  only_keys(table, {"marks", "require", "refuse", "classes", "dtype", "labels", "leave", "constants", "expect", "same",
                    "order", "told_with", "told_without", "told_values"});
  ConfigFile form;
  for (const TomlEntry& entry : in_order(table)) {
    if (entry.key == "order") form.order = as_strings(entry);
    if (entry.key == "told_with") form.told_with = as_strings(entry);
    if (entry.key == "told_without") form.told_without = as_strings(entry);
    if (entry.key == "told_values") form.told_values = json_members(entry);
    if (entry.key == "expect") form.expect = json_members(entry);
    if (entry.key == "same") {
      for (const TomlEntry& pair : in_order(as_table(entry))) form.same[pair.key] = as_string(pair);
    }
    if (entry.key == "marks") form.marks = as_strings(entry);
    if (entry.key == "leave") form.leave = as_strings(entry);
    if (entry.key == "dtype") form.dtype = as_strings(entry);
    if (entry.key == "classes") form.classes = as_string(entry);
    if (entry.key == "labels") {
      const std::string letter = as_string(entry);
      if (letter.size() != 1) fail_at(*entry.value, "'labels' must be a size");
      static_cast<void>(key_named(family, *entry.value, letter));
      form.labels = letter[0];
    }
    if (entry.key == "require" || entry.key == "refuse") {
      for (const TomlEntry& pair : in_order(as_table(entry))) {
        (entry.key == "require" ? form.require : form.refuse)[pair.key] = as_string(pair);
      }
    }
    if (entry.key == "constants") {
      form.constants = as_string(entry);
      const auto json = nlohmann::json::parse(form.constants, nullptr, false);
      if (!json.is_object()) fail_at(*entry.value, "'constants' must be the text of a JSON object");
    }
  }
  return form;
}

// A part that no class and no agreement names could be read and never be written again.
void check_reachable(const FamilySource& source, const Family& family) {
  std::set<std::size_t> reached;
  for (const Model& model : family.models) reached.insert(model.parts.begin(), model.parts.end());
  for (const Agreement& agreement : family.agreements) reached.insert(agreement.part);
  for (std::size_t part = 0; part < family.parts.size(); ++part) {
    if (!family.parts[part].required && !reached.contains(part)) {
      fail_at(source.root, fmt::format("optional part '{}' belongs to no class of [models]", family.parts[part].name));
    }
  }
}

}  // namespace

void parse_rules(const FamilySource& source, Family& family) {
  family.config_files.resize(family.dialects.size());
  for (const TomlEntry& entry : in_order(source.root)) {
    if (entry.key == "models") {
      for (const TomlEntry& model : in_order(as_table(entry))) parse_model(model, family);
    } else if (entry.key == "agree") {
      for (const TomlEntry& part : in_order(as_table(entry))) parse_agreement(part, family);
    } else if (entry.key == "notice") {
      const toml::array* list = entry.value->as_array();
      if (list == nullptr) fail_at(*entry.value, "notices are written [[notice]]");
      for (const toml::node& notice : *list) parse_notice(notice, family);
    } else if (entry.key == "published") {
      for (const TomlEntry& model : in_order(as_table(entry))) parse_published(model, family);
    } else if (entry.key == "config_file") {
      for (const TomlEntry& file : in_order(as_table(entry))) {
        family.config_files[dialect_named(family, file)] = parse_config_file(file, family);
      }
    } else if (entry.key == "drop") {
      for (const TomlEntry& column : in_order(as_table(entry))) {
        Dialect& dialect = family.dialects[dialect_named(family, column)];
        for (const TomlEntry& rule : in_order(as_table(column))) {
          dialect.drops.push_back({rule.key, as_string(rule)});
          if (dialect.drops.back().reason.empty()) fail_at(*rule.value, "a dropped tensor needs a reason");
        }
      }
    }
  }
  check_reachable(source, family);
}

}  // namespace transload::mapping
