// A tensor as offset, sizes and strides over a storage: whether it lies inside.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "formats/torch/storages.h"
#include "transload/index.h"

namespace transload::torch {

inline constexpr std::int64_t kMostDimensions = 64;  // NumPy's limit, and that of PyTorch's operations

class StridedViews {
 public:
  // Tensors that repeat their elements (stride 0) may stand for four times the file, or 256 MiB, all together: a
  // small file would fill a disk.
  explicit StridedViews(std::uint64_t file_size);

  // The tensor without its name. `offset` and `strides` are in elements and not negative. Errors without a place:
  // Errc::corrupt where it reaches outside of the storage or its numbers overflow, Errc::unsupported beyond the bound.
  TensorInfo make(const StorageView& storage, DType dtype, std::int64_t offset, Shape shape,
                  std::vector<std::int64_t> strides);

 private:
  std::uint64_t most_repeated_, repeated_ = 0;
};

// Whether elements lie one behind the other. No strides are those of C order.
bool in_c_order(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides);

// The width of the units to reverse in a file of the other byte order: of complex numbers each half.
std::uint8_t unit_width(DType dtype);

}  // namespace transload::torch
