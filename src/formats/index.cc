#include "transload/index.h"

#include <fmt/format.h>

#include <utility>

#include "core/text.h"
#include "transload/error.h"

namespace transload {
namespace {

[[noreturn]] void fail(const Index& index, const TensorInfo& tensor, std::string_view message) {
  throw Error(Errc::corrupt, message,
              {.file = index.files.empty() ? "" : index.files.front(), .offset = {}, .tensor = tensor.name});
}

// The bytes from a chunk's offset to the end of its last element.
std::uint64_t reach(const Index& index, const TensorInfo& tensor, const Chunk& chunk, const Shape& extent) {
  if (chunk.strides.empty() || element_count(extent) == 0) return tensor_bytes(tensor.dtype, extent);
  if (chunk.strides.size() != extent.size()) fail(index, tensor, "has another number of strides than of dimensions");
  std::int64_t last = 0;
  for (std::size_t i = 0; i < extent.size(); ++i) {
    std::int64_t step = 0;
    if (chunk.strides[i] < 0) fail(index, tensor, "has a negative stride");
    if (__builtin_mul_overflow(extent[i] - 1, chunk.strides[i], &step) || __builtin_add_overflow(last, step, &last)) {
      fail(index, tensor, "strides overflow");
    }
  }
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(last) + 1, element_bytes(tensor.dtype), &bytes)) {
    fail(index, tensor, "strides overflow");
  }
  return bytes;
}

void check(const Index& index, const TensorInfo& tensor) {
  std::uint64_t elements = 0;
  for (const Chunk& chunk : tensor.chunks) {
    const Shape& extent = chunk.extent.empty() ? tensor.shape : chunk.extent;
    if (extent.size() != tensor.shape.size() || (!chunk.start.empty() && chunk.start.size() != extent.size())) {
      fail(index, tensor, "a chunk has another rank than its tensor");
    }
    for (std::size_t i = 0; i < extent.size(); ++i) {
      const std::int64_t start = chunk.start.empty() ? 0 : chunk.start[i];
      if (start < 0 || extent[i] < 0 || start > tensor.shape[i] || extent[i] > tensor.shape[i] - start) {
        fail(index, tensor, fmt::format("a chunk reaches outside of shape {}", to_string(tensor.shape)));
      }
    }
    elements += element_count(extent);
    if (chunk.storage >= index.storages.size()) fail(index, tensor, "names a storage that is not there");
    const std::uint64_t size = index.storages[chunk.storage].size;
    const std::uint64_t needed = reach(index, tensor, chunk, extent);
    if (chunk.offset > size || needed > size - chunk.offset) {
      fail(index, tensor,
           fmt::format("needs bytes {} to {} of a storage of {}", chunk.offset, chunk.offset + needed, size));
    }
  }
  if (elements != element_count(tensor.shape)) {
    fail(index, tensor, fmt::format("its chunks do not cover shape {}", to_string(tensor.shape)));
  }
}

}  // namespace

void Index::seal() {
  by_name_.clear();
  first_user_.clear();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo& tensor = tensors[i];
    check(*this, tensor);
    if (!by_name_.emplace(tensor.name, i).second) fail(*this, tensor, "this name occurs twice");
    for (const Chunk& chunk : tensor.chunks) first_user_.try_emplace(chunk.storage, i);
  }
}

const TensorInfo* Index::find(std::string_view name) const noexcept {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors[found->second];
}

const TensorInfo* Index::tied_to(const TensorInfo& tensor) const noexcept {
  if (tensor.chunks.size() != 1 || element_count(tensor.shape) == 0) return nullptr;
  const auto found = first_user_.find(tensor.chunks.front().storage);
  if (found == first_user_.end() || &tensors[found->second] == &tensor) return nullptr;
  return &tensors[found->second];
}

std::uint64_t Index::total_bytes() const {
  std::uint64_t total = 0;
  for (const TensorInfo& tensor : tensors) {
    if (__builtin_add_overflow(total, tensor_bytes(tensor.dtype, tensor.shape), &total)) {
      fail(*this, tensor, "all tensors together overflow 64 bits");
    }
  }
  return total;
}

}  // namespace transload
