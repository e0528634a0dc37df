// A checkpoint in several files, with an index that says which tensor lies in which.
#pragma once

#include <memory>
#include <string_view>

#include "transload/format.h"

namespace transload {

// "model.safetensors.index.json": told by its name, because the index of a set is any JSON file.
bool names_shard_index(std::string_view name) noexcept;

// The format of the set's shards, from the index alone. Errc::corrupt as for parse_shard_index(); Errc::unsupported
// when there is no such format.
const Format& shards_format(const Store& store, std::string_view name);

// One Reader over all shards: those in the order of their names, the tensors of each in its own order.
//
// Errc::io when shards are missing. Errc::corrupt, with every tensor that is concerned, unless the index and the shards
// agree wholly: each tensor lies in the shard that the index names for it and in no other, and no shard has a tensor
// that the index does not know. A wrong total_size is only a note, because some writers count differently.
std::unique_ptr<Reader> open_sharded(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options);

}  // namespace transload
