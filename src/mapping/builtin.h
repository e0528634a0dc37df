// The mapping files, as they are embedded in the library (cmake/embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace transload::mapping {

struct BuiltinFile {
  std::string_view name;  // "bert", "dialects"
  std::string_view text;
};
std::span<const BuiltinFile> builtin_files() noexcept;

}  // namespace transload::mapping
