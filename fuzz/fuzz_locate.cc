// A folder as downloads leave them: parts with a byte 0xFF between them, each the name of a file, a line break, and
// what the file holds, or "->" and where a link leads. Located by the folder, by each file, by each without its
// extension, and as the folder of a hub's cache: an Error, or a checkpoint that can be read. Scanned as a whole: a
// report.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/foreign.h"
#include "one_file_store.h"
#include "parts.h"
#include "scratch.h"
#include "transload/error.h"
#include "transload/format.h"
#include "transload/scan.h"

namespace {

using namespace transload;

// Plain characters: what matters is what the reader does with the names, not the system.
std::string plain(std::string_view name) {
  std::string out(name.substr(0, 100));
  std::ranges::replace_if(
      out,
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                 c == '.' || c == '/');
      },
      '_');
  return out;
}

// In the folder, at most five levels down.
std::string plain_name(std::string_view name) {
  std::string out = plain(name);
  if (out.find("..") != out.npos || out.starts_with('/') || std::ranges::count(out, '/') > 4) return {};
  return out;
}

void try_open(const std::string& what, const LocateOptions& options) {
  try {
    const auto reader = open(locate(what, options));
    for (const TensorInfo& tensor : reader->index().tensors) fuzz::read_unless_large(*reader, tensor);
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  const fs::path root = scratch.folder / "x";
  std::vector<fs::path> files;
  for (const std::string_view part : fuzz::parts_of(data, size, 6)) {
    const std::size_t end = std::min(part.find('\n'), part.size());
    const std::string name = plain_name(part.substr(0, end));
    const std::string_view content = part.substr(std::min(end + 1, part.size()));
    foreign_kind(as_bytes(content));
    for (const Format& format : formats()) format.sniff(name, as_bytes(content.substr(0, 4096)));
    if (name.empty()) continue;
    std::error_code ignored;
    const fs::path path = root / name;
    fs::create_directories(path.parent_path(), ignored);
    if (content.starts_with("->")) {
      fs::create_symlink(plain(content.substr(2)), path, ignored);
    } else {
      scratch.write("x/" + name, content);
    }
    files.push_back(path);
  }
  const LocateOptions options{.format = {}, .hub_cache = root};
  try_open(root.string(), options);
  try_open("org/model", options);
  for (const fs::path& file : files) {
    try_open(file.string(), options);
    try_open(fs::path(file).replace_extension().string(), options);
  }
  if (to_json(scan(std::vector{root}, {.threads = 1, .progress = {}})).empty()) std::abort();
  std::error_code ignored;
  fs::remove_all(root, ignored);
  return 0;
}
