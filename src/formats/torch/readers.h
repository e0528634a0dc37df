// The containers that torch.save writes and wrote.
#pragma once

#include <memory>

#include "transload/format.h"
#include "transload/io.h"

namespace transload::torch {

// A zip archive: TOP/data.pkl, TOP/data/KEY per storage, TOP/version, TOP/byteorder.
std::unique_ptr<Reader> open_zip(std::shared_ptr<Source> source, const OpenOptions& options);

// Five pickles (magic number, protocol, system, object, keys), then each storage: a count and its elements.
std::unique_ptr<Reader> open_legacy(std::shared_ptr<Source> source, const OpenOptions& options);

// A tar archive of PyTorch 0.1: storages, tensors, and the pickle of an object that names them by number.
std::unique_ptr<Reader> open_tar(std::shared_ptr<Source> source, const OpenOptions& options);

class Rebuilder;

// From an index whose tensors are listed and whose storages are placed to its reader: what `rebuilder` made dense is
// added, the container that `options` names is chosen.
std::unique_ptr<Reader> finish_reader(Index index, const std::shared_ptr<Source>& source, Rebuilder& rebuilder,
                                      const OpenOptions& options);

}  // namespace transload::torch
