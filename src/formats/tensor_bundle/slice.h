// Tensors that a bundle holds in slices: variables that were partitioned over several machines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_bundle/entry.h"
#include "transload/index.h"

namespace transload::tensor_bundle {

// The key of a slice's own entry, in OrderedCode (tensorflow/core/util/saved_tensor_slice_util.cc,
// EncodeTensorNameSlice; tensorflow/core/lib/strings/ordered_code.cc). It begins with a zero byte, so that all slices
// come between the header and the names.
std::string slice_key(std::string_view name, const Slice& slice);

// The box of a tensor of `shape` that a slice covers: start and extent of a chunk. Errc::corrupt when it has another
// rank or reaches outside.
Chunk slice_box(const Slice& slice, const Shape& shape);

// Errc::corrupt unless the boxes cover `shape` wholly and none of them meets another.
void check_cover(const std::vector<Chunk>& boxes, const Shape& shape);

}  // namespace transload::tensor_bundle
