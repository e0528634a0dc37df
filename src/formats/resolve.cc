// From elements of a tensor in C order to elements of the storages that hold it.

#include <algorithm>

#include "formats/strided.h"
#include "transload/error.h"

namespace transload {
namespace {

// An axis that steps through one dimension of the tensor: coordinate k of it is element `start + k * step` there.
struct DimAxis {
  std::size_t dim = 0;
  std::int64_t extent = 1, step = 0, to = 0;
};

std::vector<std::int64_t> c_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  return strides;
}

[[noreturn]] void crosses(const TensorInfo& tensor) {
  throw Error(Errc::usage, "a plan steps across the dimensions of a tensor that is not stored in one piece",
              {.file = {}, .offset = {}, .tensor = tensor.name});
}

// The dimension that a stride in C order steps through: the outermost whose own stride divides it.
std::size_t dimension_of(const TensorInfo& tensor, const std::vector<std::int64_t>& strides, std::int64_t from) {
  for (std::size_t d = 0; d < strides.size(); ++d) {
    if (tensor.shape[d] > 1 && strides[d] <= from && from % strides[d] == 0) return d;
  }
  crosses(tensor);
}

// Splits axes that run on from one dimension into the next one out.
std::vector<DimAxis> per_dimension(const TensorInfo& tensor, const std::vector<std::int64_t>& strides,
                                   const Shape& start, std::vector<Axis> axes) {
  std::vector<DimAxis> result;
  while (!axes.empty()) {
    const Axis axis = axes.back();
    axes.pop_back();
    if (axis.extent == 1) continue;
    if (axis.from == 0) {
      result.push_back({0, axis.extent, 0, axis.to});
      continue;
    }
    const std::size_t d = dimension_of(tensor, strides, axis.from);
    const std::int64_t step = axis.from / strides[d];
    if (start[d] + (axis.extent - 1) * step < tensor.shape[d]) {
      result.push_back({d, axis.extent, step, axis.to});
    } else {
      if (step != 1 || start[d] != 0 || axis.extent % tensor.shape[d] != 0) crosses(tensor);
      const std::int64_t inner = tensor.shape[d];
      axes.push_back({axis.extent / inner, axis.from * inner, axis.to * inner});
      result.push_back({d, inner, 1, axis.to});
    }
  }
  return result;
}

struct Box {
  Shape start;  // coordinates in the tensor
  std::vector<DimAxis> axes;
  std::int64_t to_offset = 0;
};

// Cuts `box` to the part inside of a chunk. False: nothing is left. Needs at most one axis per dimension.
bool clip(Box& box, const Shape& chunk_start, const Shape& chunk_extent) {
  for (std::size_t d = 0; d < chunk_extent.size(); ++d) {
    const std::int64_t low = chunk_start.empty() ? 0 : chunk_start[d];
    const std::int64_t high = low + chunk_extent[d];
    const auto axis = std::ranges::find_if(box.axes, [&](const DimAxis& a) { return a.dim == d && a.step != 0; });
    if (axis == box.axes.end()) {
      if (box.start[d] < low || box.start[d] >= high) return false;
      continue;
    }
    const std::int64_t first = box.start[d] >= low ? 0 : (low - box.start[d] + axis->step - 1) / axis->step;
    const std::int64_t last =
        std::min(axis->extent, high <= box.start[d] ? 0 : (high - box.start[d] + axis->step - 1) / axis->step);
    if (first >= last) return false;
    box.start[d] += first * axis->step;
    box.to_offset += first * axis->to;
    axis->extent = last - first;
  }
  return true;
}

// Unrolls all but the longest axis of every dimension, so that clip() can cut each one.
std::vector<Box> one_axis_per_dimension(const Box& box, std::size_t rank) {
  std::vector<Box> boxes{{box.start, {}, box.to_offset}};
  for (const DimAxis& axis : box.axes) {
    if (axis.step == 0) {
      for (Box& each : boxes) each.axes.push_back(axis);
    }
  }
  for (std::size_t d = 0; d < rank; ++d) {
    std::vector<DimAxis> here;
    std::ranges::copy_if(box.axes, std::back_inserter(here),
                         [&](const DimAxis& a) { return a.dim == d && a.step != 0; });
    std::ranges::sort(here, {}, &DimAxis::extent);
    for (std::size_t i = 0; i + 1 < here.size(); ++i) {
      std::vector<Box> unrolled;
      for (const Box& each : boxes) {
        for (std::int64_t k = 0; k < here[i].extent; ++k) {
          unrolled.push_back(each);
          unrolled.back().start[d] += k * here[i].step;
          unrolled.back().to_offset += k * here[i].to;
        }
      }
      boxes = std::move(unrolled);
    }
    if (!here.empty()) {
      for (Box& each : boxes) each.axes.push_back(here.back());
    }
  }
  return boxes;
}

Move to_move(const TensorInfo& tensor, const Chunk& chunk, const Box& box) {
  const std::vector<std::int64_t> stored =
      chunk.strides.empty() ? c_strides(chunk.extent.empty() ? tensor.shape : chunk.extent) : chunk.strides;
  Move move{chunk.storage, chunk.offset, {}, box.to_offset};
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < stored.size(); ++d) {
    offset += (box.start[d] - (chunk.start.empty() ? 0 : chunk.start[d])) * stored[d];
  }
  move.offset += static_cast<std::uint64_t>(offset) * element_bytes(tensor.dtype);
  for (const DimAxis& axis : box.axes) {
    move.axes.push_back({axis.extent, axis.step == 0 ? 0 : axis.step * stored[axis.dim], axis.to});
  }
  std::ranges::stable_sort(move.axes, std::greater(), &Axis::to);
  return move;
}

}  // namespace

std::vector<Move> resolve(const TensorInfo& tensor, std::int64_t from_offset, const std::vector<Axis>& axes,
                          std::int64_t to_offset) {
  if (element_count(tensor.shape) == 0) return {};
  const bool one_piece = tensor.chunks.size() == 1 && tensor.chunks.front().extent.empty();
  if (one_piece && tensor.chunks.front().strides.empty()) {
    const Chunk& chunk = tensor.chunks.front();
    Move move{chunk.storage, chunk.offset, axes, to_offset};
    if (from_offset != 0) move.offset += static_cast<std::uint64_t>(from_offset) * element_bytes(tensor.dtype);
    std::ranges::stable_sort(move.axes, std::greater(), &Axis::to);
    return {std::move(move)};
  }
  const std::vector<std::int64_t> strides = c_strides(tensor.shape);
  Box box{Shape(tensor.shape.size(), 0), {}, to_offset};
  for (std::size_t d = 0; d < strides.size(); ++d) {
    box.start[d] = from_offset / strides[d] % std::max<std::int64_t>(tensor.shape[d], 1);
  }
  box.axes = per_dimension(tensor, strides, box.start, axes);
  if (one_piece) return {to_move(tensor, tensor.chunks.front(), box)};

  std::vector<Move> moves;
  const std::vector<Box> boxes = one_axis_per_dimension(box, tensor.shape.size());
  for (const Chunk& chunk : tensor.chunks) {
    const Shape& extent = chunk.extent.empty() ? tensor.shape : chunk.extent;
    for (Box part : boxes) {
      if (clip(part, chunk.start, extent)) moves.push_back(to_move(tensor, chunk, part));
    }
  }
  return moves;
}

std::vector<Move> resolve(const TensorInfo& tensor) {
  const auto count = static_cast<std::int64_t>(element_count(tensor.shape));
  return resolve(tensor, 0, {{count, 1, 1}}, 0);
}

}  // namespace transload
