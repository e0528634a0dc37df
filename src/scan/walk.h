// The files that paths and folders name, without opening any of them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "transload/scan.h"

namespace transload::scanning {

struct Walk {
  std::vector<fs::path> files;          // regular ones, sorted, each once
  std::vector<ScanFile> lies;           // links that lead out of the folder, with a name that promises weights
  std::vector<ScanFailure> failures;    // what is not there, or may not be listed
  std::vector<ScanFailure> not_opened;  // devices, FIFOs, sockets; links that lead out, nowhere, or to a folder
};

// A path that is named itself is followed wherever it leads. Below a folder, a link is followed only to a regular file
// below the same root; of a blob of a hub cache and the links to it, the links are taken.
Walk walk(std::span<const fs::path> paths);

}  // namespace transload::scanning
