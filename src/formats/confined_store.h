// A folder of which only itself was named, not its files, and so they must not lead elsewhere.
#pragma once

#include <memory>

#include "transload/io.h"

namespace transload {

// Like open_folder(), but a symbolic link is followed only to a regular file below the same root (Errc::unsupported).
// The root is the folder itself; in a snapshot of a hub cache (models--*/snapshots/*), whose files are links to
// ../../blobs, it is the model's folder.
std::shared_ptr<Store> open_confined_folder(const fs::path& path);

}  // namespace transload
