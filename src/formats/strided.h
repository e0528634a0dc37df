// Moving boxes of elements from storages to memory, whatever their strides.
#pragma once

#include <cstdint>
#include <vector>

#include "transload/bytes.h"
#include "transload/format.h"
#include "transload/plan.h"

namespace transload {

// A box of elements of one storage, and where it goes. Strides are in elements; `axes[i].from` steps through the
// storage, `axes[i].to` through the target. Sorted by descending `to`.
struct Move {
  std::uint32_t storage = 0;
  std::uint64_t offset = 0;  // bytes into the storage, of coordinate 0
  std::vector<Axis> axes;
  std::int64_t to_offset = 0;  // elements into the target, of coordinate 0
};

// Drops axes of one element, joins those that step through both sides as one, sorts by descending `to`.
void coalesce(std::vector<Axis>& axes);

// Where a box of `tensor` lies. `axes[i].from` and `from_offset` count its elements in C order, as in a Piece; the
// result counts what is stored: one Move for a tensor of one chunk, more where chunks meet.
std::vector<Move> resolve(const TensorInfo& tensor, std::int64_t from_offset, const std::vector<Axis>& axes,
                          std::int64_t to_offset);

// One Move for the whole of a tensor, in C order.
std::vector<Move> resolve(const TensorInfo& tensor);

// Copies one element of `width` bytes (1, 2, 4, 8 or 16) for every coordinate of `axes`, in memory. Tiled, so that a
// transpose runs at memory speed.
void strided_copy(std::vector<Axis> axes, std::uint64_t width, const std::byte* from, std::byte* to);

// Carries out a Move: `target` is element 0 of the target. The storage is read in large pieces; the bytes between the
// wanted ones only where they are few.
void gather(const Reader& reader, const Move& move, std::uint64_t width, std::byte* target);

}  // namespace transload
