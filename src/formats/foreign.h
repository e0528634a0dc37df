// What a file is that no format claims, so that the refusal can say so.
#pragma once

#include <optional>
#include <string_view>

#include "transload/bytes.h"

namespace transload {

struct Foreign {
  std::string_view what;    // "is an HDF5 file"
  std::string_view advice;  // may be empty
};

// A pointer of git-lfs, which stands in for a file that was not fetched.
bool is_lfs_pointer(ByteView head);
// From the first bytes of a file that is not empty; nullopt: nothing known.
std::optional<Foreign> foreign_kind(ByteView head);

}  // namespace transload
