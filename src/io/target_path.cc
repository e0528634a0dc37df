#include "io/target_path.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "io/posix.h"
#include "transload/error.h"

namespace transload::io {
namespace {

Where at(const fs::path& path) { return {.file = path.string(), .offset = {}, .tensor = {}}; }

bool is_link_to_nothing(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(fs::symlink_status(path, ignored)) && !fs::exists(path, ignored);
}

// Links are followed. Empty: nothing is there.
std::optional<struct stat> followed(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return status;
  constexpr std::array<int, 3> kNothing{ENOENT, ENOTDIR, ELOOP};
  if (std::ranges::count(kNothing, errno) == 0) fail("look at", path.string(), errno);
  return std::nullopt;
}

}  // namespace

void refuse_missing_parent(const fs::path& path) {
  fs::path before;
  for (const fs::path& part : path) {
    std::error_code ignored;
    if (part == ".." && !before.empty() && !fs::is_directory(before, ignored)) {
      throw Error(Errc::usage, fmt::format("has '..' after '{}', which is no folder", before.string()), at(path),
                  "write the path without it");
    }
    before /= part;
  }
}

fs::path resolved_folder(const fs::path& folder) {
  refuse_missing_parent(folder);
  if (is_link_to_nothing(folder.has_filename() ? folder : folder.parent_path())) {
    throw Error(Errc::usage, "is a symbolic link to nothing", at(folder));
  }
  std::error_code error;
  fs::path target = fs::absolute(folder, error);
  if (!error) target = fs::weakly_canonical(target, error);
  if (error) fail("find the folder", folder.string(), error.value());
  if (!target.has_filename() && target.has_relative_path()) target = target.parent_path();  // a trailing slash
  if (fs::exists(target, error) && !fs::is_directory(target, error)) {
    throw Error(Errc::usage, "is a file, where the output needs a folder", at(folder),
                "choose another name; those that end in .safetensors, .bin, .pt or .params are single files");
  }
  return target;
}

bool is_same_file(const fs::path& input, const fs::path& output) {
  const std::optional<struct stat> there = followed(output);
  if (!there) return false;
  const std::optional<struct stat> read = followed(input);
  return read && read->st_ino == there->st_ino && read->st_dev == there->st_dev;
}

}  // namespace transload::io
