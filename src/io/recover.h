// What dead runs left behind is completed or cleared away before a new one begins.
#pragma once

#include <string>
#include <vector>

#include "io/folder.h"

namespace transload::io {

struct Recovered {
  std::vector<std::string> notes;  // one sentence for each that was found
  bool completed = false;          // files took their places in the target
};

// Of the staging folders in `home` with this prefix: those of living processes are left alone. Where a file had left
// its place in `target`, they all take theirs; else they are removed. Files that somebody changed since are left as
// they are, and so is what belongs to them. `target` need not exist. An Error where its lock is not to be had.
Recovered recover(const Folder& home, const std::string& prefix, const fs::path& target, const fs::path& shown);

}  // namespace transload::io
