// The vocabularies beside a model, compared with its embedding: ids beyond the last row have no vector.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transload/format.h"

namespace transload::cli {

// Entries of vocab.txt (one a line), vocab.json (an object) or X.vocab (GluonNLP's "idx_to_token"). Empty: `text` is
// none of these.
std::optional<std::uint64_t> vocabulary_entries(std::string_view name, const std::string& text);

// Looks at the vocabularies in the folder of `location`, of GluonNLP's only at that of its own name. Errc::mismatch for
// one with more entries than the embedding's `rows`; a note for one with fewer: tokens may have been added to the
// model, or rows to the table.
std::vector<std::string> check_vocabularies(const Location& location, std::uint64_t rows);

}  // namespace transload::cli
