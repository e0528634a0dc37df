// One process at a time gives files of a folder their names.
#pragma once

#include <chrono>

#include "io/folder.h"

namespace transload::io {

// The folder with its lock, which lives as long as what is returned. Waits up to `longest` for another process.
// Errc::io. Without an effect where the file system has no locks.
Folder open_locked(const fs::path& path, const fs::path& shown,
                   std::chrono::milliseconds longest = std::chrono::minutes(1));

}  // namespace transload::io
