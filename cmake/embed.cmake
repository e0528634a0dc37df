# Writes a C++ source that holds text files: cmake -DOUT=x.cc -DFILES=a.toml;b.toml -P embed.cmake
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(APPEND rows "    BuiltinFile{\"${name}\", R\"~toml~(${text})~toml~\"},\n")
endforeach()
file(WRITE ${OUT} "// Made by cmake/embed.cmake from mappings/*.toml.
#include \"mapping/builtin.h\"

#include <array>

namespace transload::mapping {

std::span<const BuiltinFile> builtin_files() noexcept {
  static constexpr std::array kFiles{
${rows}  };
  return kFiles;
}

}  // namespace transload::mapping
")
