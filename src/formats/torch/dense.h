// Sparse and quantised tensors of PyTorch as the dense ones that they stand for: what to_dense() and dequantize() give.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "transload/format.h"
#include "transload/index.h"

namespace transload::torch {

// Whether elements of this type can be summed, as to_dense() does.
bool can_add(DType dtype) noexcept;

// Coordinates and values. Entries for one place are added in the order of the file, in the tensor's own type, as
// to_dense() does; a stored -0 becomes 0.
struct CooTensor {
  TensorInfo indices;  // int64, [axes, entries]: the coordinates along the first axes
  TensorInfo values;   // [entries, the other axes ...]
  Shape shape;
};
void fill(const CooTensor& tensor, const Reader& parts, MutableByteView out);

// csr, csc, bsr, bsc: a matrix of entries or blocks, one axis of it compressed; perhaps several (batches), perhaps with
// dense axes behind.
struct CompressedTensor {
  TensorInfo compressed;  // [batch ..., rows or columns + 1]: where each begins among the entries
  TensorInfo plain;       // [batch ..., entries]: the column or row of each
  TensorInfo values;      // [batch ..., entries, (block rows, block columns,) dense ...]
  Shape shape;
  bool by_rows = true, blocked = false;
};
// The axes of the parts fit together (Errc::corrupt, without a place).
void check(const CooTensor& tensor);
void check(const CompressedTensor& tensor);
void fill(const CompressedTensor& tensor, const Reader& parts, MutableByteView out);

// float32 from integers: (q - zero point) * scale, with one pair for all or one per index of an axis.
struct QuantisedTensor {
  TensorInfo values;  // int8, uint8, int32; of packed ones the bytes, in one dimension
  Shape shape;
  unsigned bits = 8;  // 4, 2: packed, the first element in the lowest bits
  double scale = 1;
  std::int64_t zero_point = 0;
  struct Channels {
    TensorInfo scales, zero_points;  // one dimension each
    std::size_t axis = 0;
  };
  std::optional<Channels> channels;
};
// A QuantisedTensor ready to be read in pieces, from several threads. Its scales are read when they are needed first.
class Dequantizer {
 public:
  explicit Dequantizer(QuantisedTensor tensor);
  // Whether any run of elements can be read on its own; otherwise only all of them.
  bool in_pieces() const noexcept;
  // The result's bytes from `offset` on.
  void fill(const Reader& parts, std::uint64_t offset, MutableByteView out) const;

 private:
  struct Rep;
  std::shared_ptr<Rep> rep_;
};

}  // namespace transload::torch
