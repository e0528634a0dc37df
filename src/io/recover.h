// What dead runs left behind is completed or cleared away before a new one begins.
#pragma once

#include <string>
#include <vector>

#include "io/folder.h"

namespace transload::io {

// Of the staging folders in `home` with this prefix: those of living processes are left alone. Where
// files had begun to take their places in `target`, they all do; else they are removed. Files that somebody changed
// since are left as they are, and so is what belongs to them. `target` need not exist. One sentence for each that was
// found; an Error where the lock of `target` is not to be had.
std::vector<std::string> recover(const Folder& home, const std::string& prefix, const fs::path& target,
                                 const fs::path& shown);

}  // namespace transload::io
