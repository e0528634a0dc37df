// Files that are compressed as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "transload/io.h"

namespace transload::scanning {

// What the first `stored` bytes of a gzip or zlib stream decode to, at most some more than `most` bytes, and those of
// the streams that follow it, which Python's gzip and joblib read as one. `whole` where all of the source was needed;
// what is broken only ends the result. Read piece by piece: what is mapped kills the process when somebody shortens the
// file.
std::vector<std::byte> gunzip(const Source& source, std::uint64_t stored, std::uint64_t most, bool& whole);

}  // namespace transload::scanning
