// Whether Transload's own readers take a file, and what they say where they do not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "transload/error.h"
#include "transload/format.h"
#include "transload/scan.h"

namespace transload::scanning {

struct Opened {
  Readable readable = Readable::not_tried;
  std::optional<Error> error;                   // by default; also where it was read with allow_opaque
  std::optional<Error> opaque_error;            // with allow_opaque
  std::unordered_set<std::uint64_t> storages;   // where the stored bytes of tensors begin, in the first file
  std::map<std::string, std::string> metadata;  // of the index
};

// By default, then with allow_opaque. No tensor byte is read.
Opened try_to_open(const Location& location);

// The error as a problem of the entry `entry` (empty: the file itself) of what messages call `file`.
ScanProblem problem_of(const Error& error, const std::string& file, std::string_view entry);

}  // namespace transload::scanning
