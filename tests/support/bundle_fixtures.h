// Where the fixtures lie, and what the tests of bundles share.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "transload/bytes.h"
#include "transload/io.h"
#include "wire/json.h"

namespace transload::testing {

inline fs::path golden(std::string_view path) { return fs::path(TRANSLOAD_TESTS_DIR) / "golden" / path; }
inline fs::path hostile(std::string_view path) { return fs::path(TRANSLOAD_TESTS_DIR) / "hostile" / path; }

inline std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("no such file: " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline Bytes owned(std::string_view text) {
  const ByteView view = as_bytes(text);
  return Bytes(std::vector<std::byte>(view.begin(), view.end()));
}

inline std::shared_ptr<Source> source(std::string name, std::string_view text) {
  return memory_source(std::move(name), owned(text));
}

inline wire::Json json(const fs::path& path) { return wire::parse_json(contents(path), path.string()); }

}  // namespace transload::testing
