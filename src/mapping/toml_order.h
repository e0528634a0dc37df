// TOML tables in the order in which their author wrote them, and errors that name the line.
#pragma once

#include <toml++/toml.h>
#include <string>
#include <string_view>
#include <vector>

#include "transload/error.h"

namespace transload::mapping {

// Errc::corrupt with "FILE:LINE" when the text is no TOML.
toml::table parse_toml(std::string_view text, std::string_view file);

struct TomlEntry {
  std::string key;
  const toml::node* value;
};

// The table's entries as written. (toml++ keeps them sorted by key; the order is found again from source positions.)
std::vector<TomlEntry> in_order(const toml::table& table);

// Errc::corrupt at "FILE:LINE" of `node`.
[[noreturn]] void fail_at(const toml::node& node, std::string_view message);

// The value as that type, or fail_at(): "'KEY' must be a table".
const toml::table& as_table(const TomlEntry& entry);
std::string as_string(const TomlEntry& entry);
bool as_bool(const TomlEntry& entry);
std::int64_t as_integer(const TomlEntry& entry);
std::vector<std::string> as_strings(const TomlEntry& entry);  // a list of texts, or one text
std::string as_json(const TomlEntry& entry);                  // a scalar as JSON text

}  // namespace transload::mapping
