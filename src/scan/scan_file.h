// One path: what it is, and what is in it.
#pragma once

#include <optional>

#include "transload/scan.h"

namespace transload::scanning {

// nullopt: nothing that weights are kept in. Errc::io where it cannot be read.
std::optional<ScanFile> scan_file(const fs::path& path);

}  // namespace transload::scanning
