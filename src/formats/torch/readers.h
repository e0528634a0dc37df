// The two containers that torch.save writes.
#pragma once

#include <memory>

#include "transload/format.h"
#include "transload/io.h"

namespace transload::torch {

// A zip archive: TOP/data.pkl, TOP/data/KEY per storage, TOP/version, TOP/byteorder.
std::unique_ptr<Reader> open_zip(std::shared_ptr<Source> source, const OpenOptions& options);

// Five pickles (magic number, protocol, system, object, keys), then each storage: a count and its elements.
std::unique_ptr<Reader> open_legacy(std::shared_ptr<Source> source, const OpenOptions& options);

}  // namespace transload::torch
