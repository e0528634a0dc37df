// The reader that all formats share: an index over byte ranges of files is all that tells them apart.
#pragma once

#include <memory>
#include <vector>

#include "formats/decoded_cache.h"
#include "transload/format.h"

namespace transload {

// Serves the storages of `index` from `files` (one Source per index.files): decodes their codec, reverses big-endian
// units, and verifies each storage's checksum before the first of its bytes is handed out; reading none of them only
// verifies. `index` must be sealed. `cache` keeps what was decoded; null: one of its own.
std::unique_ptr<Reader> make_reader(Index index, std::vector<std::shared_ptr<Source>> files,
                                    std::shared_ptr<DecodedCache> cache = nullptr);

}  // namespace transload
