// TensorFlow's checkpoints of version 2, "tensor bundles": NAME.index, a table of names, dtypes, shapes and places;
// NAME.data-SSSSS-of-NNNNN, the values; NAME.meta, a graph for import_meta_graph; `checkpoint`, which names NAME.
// docs/formats/tensor_bundle.md has the bytes and where each rule comes from.
#pragma once

#include "transload/format.h"

namespace transload::tensor_bundle {

// Format::open takes the prefix inside the store: "model.ckpt" for model.ckpt.index.
const Format& tensor_bundle_format();

std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view prefix, const OpenOptions& options);

// The files, in this order: data, meta, index (retracted first on an overwrite), checkpoint. The index is not among
// the fixed bytes: it holds the checksum of every tensor, and comes from finish().
Layout layout(const Plan& plan, const LayoutOptions& options);
std::vector<FixedBytes> finish(const Plan& plan, const Layout& layout, std::span<const std::uint32_t> crc32c);

}  // namespace transload::tensor_bundle
