// The mapping files, as they are embedded in the library (cmake/embed.cmake).
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "mapping/family.h"

namespace transload::mapping {

struct BuiltinFile {
  std::string_view name;  // "bert", "dialects"
  std::string_view text;
};
std::span<const BuiltinFile> builtin_files() noexcept;

// Parsed once; nullptr: there is no such file.
std::shared_ptr<const Family> builtin_family(std::string_view name);

}  // namespace transload::mapping
