#include "mapping/toml_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace transload::mapping {
namespace {

Error error_at(const toml::source_region& where, std::string_view message) {
  return {Errc::corrupt,
          message,
          {.file = fmt::format("{}:{}", where.path ? *where.path : "", where.begin.line), .offset = {}, .tensor = {}}};
}

// Where an entry begins. A table that is only the stem of dotted keys has no place of its own: its first child's.
toml::source_position begin(const toml::node& node) {
  toml::source_position first = node.source().begin;
  if (const toml::table* table = node.as_table(); table != nullptr && !table->is_inline()) {
    for (const auto& [key, child] : *table) {
      const toml::source_position own = key.source().begin;
      if (own && (!first || own < first)) first = own;
    }
  }
  return first;
}

}  // namespace

toml::table parse_toml(std::string_view text, std::string_view file) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    throw error_at(e.source(), fmt::format("not valid TOML: {}", shortened(e.description(), 200)));
  }
}

std::vector<TomlEntry> in_order(const toml::table& table) {
  struct Placed {
    toml::source_position at;
    TomlEntry entry;
  };
  std::vector<Placed> placed;
  for (const auto& [key, value] : table) placed.push_back({begin(value), {std::string(key.str()), &value}});
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.at < b.at; });
  std::vector<TomlEntry> entries;
  for (Placed& each : placed) entries.push_back(std::move(each.entry));
  return entries;
}

void fail_at(const toml::node& node, std::string_view message) { throw error_at(node.source(), message); }

const toml::table& as_table(const TomlEntry& entry) {
  if (const toml::table* table = entry.value->as_table()) return *table;
  fail_at(*entry.value, fmt::format("'{}' must be a table", shortened(entry.key)));
}

std::string as_string(const TomlEntry& entry) {
  if (const auto* text = entry.value->as_string()) return text->get();
  fail_at(*entry.value, fmt::format("'{}' must be a text", shortened(entry.key)));
}

bool as_bool(const TomlEntry& entry) {
  if (const auto* value = entry.value->as_boolean()) return value->get();
  fail_at(*entry.value, fmt::format("'{}' must be true or false", shortened(entry.key)));
}

std::int64_t as_integer(const TomlEntry& entry) {
  if (const auto* value = entry.value->as_integer()) return value->get();
  fail_at(*entry.value, fmt::format("'{}' must be an integer", shortened(entry.key)));
}

std::vector<std::string> as_strings(const TomlEntry& entry) {
  if (entry.value->is_string()) return {as_string(entry)};
  const toml::array* list = entry.value->as_array();
  if (list == nullptr) fail_at(*entry.value, fmt::format("'{}' must be a list of texts", shortened(entry.key)));
  std::vector<std::string> texts;
  for (const toml::node& item : *list) texts.push_back(as_string({entry.key, &item}));
  return texts;
}

std::string as_json(const TomlEntry& entry) {
  const toml::node& node = *entry.value;
  if (const auto* value = node.as_string()) return nlohmann::json(value->get()).dump();
  if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
  if (const auto* value = node.as_integer()) return std::to_string(value->get());
  if (const auto* value = node.as_floating_point()) return nlohmann::json(value->get()).dump();
  fail_at(node, fmt::format("'{}' must be a text, a number, true or false", shortened(entry.key)));
}

}  // namespace transload::mapping
