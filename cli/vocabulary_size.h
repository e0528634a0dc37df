// The vocabularies beside a model, compared with its embedding: ids beyond the last row have no vector.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/format.h"

namespace transload::cli {

// Looks at the vocabularies in the folder of `location`, of GluonNLP's only at that of its own name. Errc::mismatch for
// one with more entries than the embedding's `rows`; a note for one with fewer: tokens may have been added to the
// model, or rows to the table.
std::vector<std::string> check_vocabularies(const Location& location, std::uint64_t rows);

}  // namespace transload::cli
