#include "formats/torch/strided_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/text.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

constexpr std::uint64_t kRepeatedAlways = std::uint64_t{256} << 20;
constexpr std::uint64_t kRepeatedPerByte = 4;

bool in_c_order(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

}  // namespace

std::uint8_t unit_width(DType dtype) {
  const auto bytes = static_cast<std::uint8_t>(element_bytes(dtype));
  return info(dtype).kind == DTypeKind::complex ? static_cast<std::uint8_t>(bytes / 2) : bytes;
}

StridedViews::StridedViews(std::uint64_t file_size) {
  if (__builtin_mul_overflow(file_size, kRepeatedPerByte, &most_repeated_)) most_repeated_ = ~std::uint64_t{0};
  most_repeated_ = std::max(most_repeated_, kRepeatedAlways);
}

TensorInfo StridedViews::make(const StorageView& view, DType dtype, std::int64_t offset, Shape shape,
                              std::vector<std::int64_t> strides) {
  if (strides.size() != shape.size()) {
    throw Error(Errc::corrupt, fmt::format("a tensor of {} dimensions has {} strides", shape.size(), strides.size()));
  }
  TensorInfo tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  Chunk chunk;
  chunk.storage = view.storage;
  chunk.offset = view.offset;
  const std::uint64_t elements = element_count(tensor.shape);
  tensor_bytes(dtype, tensor.shape);
  const std::uint64_t width = element_bytes(dtype);
  if (elements != 0) {  // an empty tensor may begin anywhere
    std::int64_t last = offset;
    std::uint64_t end = 0, start = 0;
    bool overflow = false;
    for (std::size_t i = 0; i < strides.size(); ++i) {
      std::int64_t step = 0;
      overflow = overflow || __builtin_mul_overflow(tensor.shape[i] - 1, strides[i], &step) ||
                 __builtin_add_overflow(last, step, &last);
    }
    overflow = overflow || __builtin_mul_overflow(static_cast<std::uint64_t>(last) + 1, width, &end) ||
               __builtin_mul_overflow(static_cast<std::uint64_t>(offset), width, &start);
    if (overflow) throw Error(Errc::corrupt, "a tensor's offset, size and strides overflow 64 bits");
    if (end > view.size) {
      throw Error(Errc::corrupt, fmt::format("a tensor of shape {} needs {} bytes of a storage of {}",
                                             to_string(tensor.shape), end, view.size));
    }
    chunk.offset += start;
    const std::uint64_t span = static_cast<std::uint64_t>(last - offset) + 1;
    if (elements > span) {
      if (__builtin_add_overflow(repeated_, elements * width, &repeated_) || repeated_ > most_repeated_) {
        throw Error(Errc::unsupported,
                    fmt::format("tensors that repeat their elements stand for more than {}; a file of this size is not "
                                "expanded beyond that",
                                human_bytes(most_repeated_)));
      }
    }
    if (!in_c_order(tensor.shape, strides)) chunk.strides = std::move(strides);
  }
  tensor.chunks.push_back(std::move(chunk));
  return tensor;
}

}  // namespace transload::torch
