#include "formats/torch/dense.h"

#include <fmt/format.h>

#include <algorithm>
#include <complex>
#include <cstring>

#include "core/small_float.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

[[noreturn]] void corrupt(std::string_view message) { throw Error(Errc::corrupt, message); }

std::vector<std::byte> bytes_of(const Reader& parts, const TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor_bytes(tensor.dtype, tensor.shape));
  read_tensor(parts, tensor, bytes);
  return bytes;
}

// Of an int64 or int32 tensor.
std::vector<std::int64_t> integers_of(const Reader& parts, const TensorInfo& tensor) {
  const std::vector<std::byte> bytes = bytes_of(parts, tensor);
  std::vector<std::int64_t> values(element_count(tensor.shape));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (tensor.dtype == DType::i64) {
      std::memcpy(&values[i], bytes.data() + i * 8, 8);
    } else {
      std::int32_t narrow = 0;
      std::memcpy(&narrow, bytes.data() + i * 4, 4);
      values[i] = narrow;
    }
  }
  return values;
}

template <class T>
void add_native(std::byte* sums, const std::byte* values, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    T sum, value;
    std::memcpy(&sum, sums + i * sizeof(T), sizeof(T));
    std::memcpy(&value, values + i * sizeof(T), sizeof(T));
    sum = static_cast<T>(sum + value);  // integers are unsigned here: they wrap
    std::memcpy(sums + i * sizeof(T), &sum, sizeof(T));
  }
}

// A double holds the exact sum, or one that rounds to 16 bits as the exact sum does.
template <class Float>
void add_small(std::byte* sums, const std::byte* values, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    typename Float::Bits sum, value;
    std::memcpy(&sum, sums + i * 2, 2);
    std::memcpy(&value, values + i * 2, 2);
    sum = Float::narrow(Float::widen(sum) + Float::widen(value));
    std::memcpy(sums + i * 2, &sum, 2);
  }
}

void add_bools(std::byte* sums, const std::byte* values, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    sums[i] = sums[i] != std::byte{} || values[i] != std::byte{} ? std::byte{1} : std::byte{};
  }
}

using Add = void (*)(std::byte* sums, const std::byte* values, std::uint64_t count);

Add adder(DType dtype) noexcept {
  switch (dtype) {
    case DType::boolean: return add_bools;
    case DType::u8:
    case DType::i8: return add_native<std::uint8_t>;
    case DType::i16: return add_native<std::uint16_t>;
    case DType::i32: return add_native<std::uint32_t>;
    case DType::i64: return add_native<std::uint64_t>;
    case DType::f16:
    case DType::c32: return add_small<Float16>;
    case DType::bf16: return add_small<BFloat16>;
    case DType::f32:
    case DType::c64: return add_native<float>;
    case DType::f64:
    case DType::c128: return add_native<double>;
    default: return nullptr;
  }
}

// Adds of a complex number count its two halves.
std::uint64_t parts_per_element(DType dtype) { return info(dtype).kind == DTypeKind::complex ? 2 : 1; }

bool is_index(DType dtype) { return dtype == DType::i64 || dtype == DType::i32; }

std::int64_t product(std::span<const std::int64_t> shape) { return static_cast<std::int64_t>(element_count(shape)); }

}  // namespace

bool can_add(DType dtype) noexcept { return adder(dtype) != nullptr; }

void check(const CooTensor& tensor) {
  const Shape& indices = tensor.indices.shape;
  const Shape& values = tensor.values.shape;
  if (tensor.indices.dtype != DType::i64) corrupt("the indices of a sparse tensor are not int64");
  if (indices.size() != 2 || values.empty() || values[0] != indices[1]) {
    corrupt(fmt::format("a sparse tensor with indices of shape {} and values of shape {}", to_string(indices),
                        to_string(values)));
  }
  const auto axes = static_cast<std::uint64_t>(indices[0]);
  if (axes > tensor.shape.size() || tensor.shape.size() - axes != values.size() - 1 ||
      !std::equal(values.begin() + 1, values.end(), tensor.shape.begin() + static_cast<std::ptrdiff_t>(axes))) {
    corrupt(fmt::format("a sparse tensor of shape {} with {} coordinates each and values of shape {}",
                        to_string(tensor.shape), axes, to_string(values)));
  }
}

void fill(const CooTensor& tensor, const Reader& parts, MutableByteView out) {
  std::ranges::fill(out, std::byte{});
  if (out.empty()) return;
  const auto axes = static_cast<std::size_t>(tensor.indices.shape[0]);
  const auto entries = static_cast<std::uint64_t>(tensor.indices.shape[1]);
  const std::span<const std::int64_t> sparse(tensor.shape.data(), axes);
  const std::uint64_t each = element_count(std::span(tensor.shape).subspan(axes));  // not 0, since `out` is not empty
  const std::uint64_t each_bytes = each * element_bytes(tensor.values.dtype);
  const std::vector<std::int64_t> indices = integers_of(parts, tensor.indices);
  const std::vector<std::byte> values = bytes_of(parts, tensor.values);
  const Add add = adder(tensor.values.dtype);
  for (std::uint64_t k = 0; k < entries; ++k) {
    std::uint64_t place = 0;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      const std::int64_t index = indices[axis * entries + k];
      if (index < 0 || index >= sparse[axis]) {
        corrupt(fmt::format("entry {} of a sparse tensor is at {} along axis {} of shape {}", k, index, axis,
                            to_string(tensor.shape)));
      }
      place = place * static_cast<std::uint64_t>(sparse[axis]) + static_cast<std::uint64_t>(index);
    }
    add(out.data() + place * each_bytes, values.data() + k * each_bytes, each * parts_per_element(tensor.values.dtype));
  }
}

namespace {

// The axes of a CompressedTensor, apart.
struct Axes {
  std::size_t batches = 0;  // number of batch axes
  std::span<const std::int64_t> batch, dense;
  std::int64_t rows = 0, columns = 0;              // in entries or blocks
  std::int64_t block_rows = 1, block_columns = 1;  // elements of one
  std::int64_t compressed() const { return by_rows ? rows : columns; }
  std::int64_t plain() const { return by_rows ? columns : rows; }
  bool by_rows = true;
};

Axes axes_of(const CompressedTensor& tensor) {
  Axes axes;
  const std::span<const std::int64_t> shape(tensor.shape), values(tensor.values.shape);
  axes.by_rows = tensor.by_rows;
  axes.batches = tensor.compressed.shape.size() - 1;
  axes.batch = shape.first(axes.batches);
  axes.dense = shape.subspan(axes.batches + 2);
  axes.rows = shape[axes.batches];
  axes.columns = shape[axes.batches + 1];
  if (tensor.blocked) {
    axes.block_rows = values[axes.batches + 1];
    axes.block_columns = values[axes.batches + 2];
    if (axes.block_rows <= 0 || axes.block_columns <= 0 || axes.rows % axes.block_rows != 0 ||
        axes.columns % axes.block_columns != 0) {
      corrupt(fmt::format("blocks of {} by {} do not tile shape {}", axes.block_rows, axes.block_columns,
                          to_string(shape)));
    }
    axes.rows /= axes.block_rows;
    axes.columns /= axes.block_columns;
  }
  return axes;
}

}  // namespace

void check(const CompressedTensor& tensor) {
  const Shape& starts = tensor.compressed.shape;
  const Shape& plain = tensor.plain.shape;
  const Shape& values = tensor.values.shape;
  const auto bad = [&] {
    corrupt(
        fmt::format("a sparse tensor of shape {} with starts of shape {}, indices of shape {} and values of shape {}",
                    to_string(tensor.shape), to_string(starts), to_string(plain), to_string(values)));
  };
  if (!is_index(tensor.compressed.dtype) || tensor.plain.dtype != tensor.compressed.dtype) {
    corrupt("the indices of a sparse tensor are neither int64 nor int32");
  }
  if (starts.empty() || plain.size() != starts.size()) bad();
  const std::size_t batches = starts.size() - 1, block = tensor.blocked ? 2 : 0;
  if (tensor.shape.size() < batches + 2 || values.size() != tensor.shape.size() - 1 + block) bad();
  const Axes axes = axes_of(tensor);
  const auto same = [&](const Shape& shape, std::size_t from, std::span<const std::int64_t> wanted) {
    if (!std::ranges::equal(std::span(shape).subspan(from, wanted.size()), wanted)) bad();
  };
  same(starts, 0, axes.batch);
  same(plain, 0, axes.batch);
  same(values, 0, axes.batch);
  same(values, batches + 1 + block, axes.dense);
  if (values[batches] != plain[batches] || starts[batches] - 1 != axes.compressed()) bad();
}

void fill(const CompressedTensor& tensor, const Reader& parts, MutableByteView out) {
  std::ranges::fill(out, std::byte{});
  if (out.empty()) return;
  const Axes axes = axes_of(tensor);
  const auto entries = static_cast<std::uint64_t>(tensor.plain.shape.back());
  const std::vector<std::int64_t> starts = integers_of(parts, tensor.compressed);
  const std::vector<std::int64_t> plain = integers_of(parts, tensor.plain);
  const std::vector<std::byte> values = bytes_of(parts, tensor.values);
  const Add add = adder(tensor.values.dtype);
  const auto count = static_cast<std::uint64_t>(product(axes.dense));
  const std::uint64_t item = count * element_bytes(tensor.values.dtype);  // bytes of one element of the matrix
  const auto lines = static_cast<std::uint64_t>(axes.compressed()), across = static_cast<std::uint64_t>(axes.plain());
  const auto block_rows = static_cast<std::uint64_t>(axes.block_rows);
  const auto block_columns = static_cast<std::uint64_t>(axes.block_columns);
  const std::uint64_t row_items = static_cast<std::uint64_t>(axes.columns) * block_columns;
  const std::uint64_t matrix = static_cast<std::uint64_t>(axes.rows) * block_rows * row_items * item;
  const auto batches = static_cast<std::uint64_t>(product(axes.batch));
  std::vector<std::uint64_t> seen(across, 0);  // the last line that has an entry there, of all batches, plus 1
  for (std::uint64_t b = 0; b < batches; ++b) {
    const std::span<const std::int64_t> begins(starts.data() + b * (lines + 1), lines + 1);
    if (begins.front() != 0 || !std::ranges::is_sorted(begins) ||
        static_cast<std::uint64_t>(begins.back()) != entries) {
      corrupt(fmt::format("the starts of a sparse tensor do not run from 0 to its {} entries", entries));
    }
    for (std::uint64_t line = 0; line < lines; ++line) {
      for (auto k = static_cast<std::uint64_t>(begins[line]); k < static_cast<std::uint64_t>(begins[line + 1]); ++k) {
        const std::int64_t at = plain[b * entries + k];
        if (at < 0 || at >= axes.plain()) {
          corrupt(fmt::format("entry {} of a sparse tensor lies at {} of {}", k, at, axes.plain()));
        }
        const auto other = static_cast<std::uint64_t>(at);
        if (std::exchange(seen[other], b * lines + line + 1) == b * lines + line + 1) {
          corrupt(fmt::format("entry {} of a sparse tensor lies where another one does", k));
        }
        const std::uint64_t row = axes.by_rows ? line : other, column = axes.by_rows ? other : line;
        const std::byte* from = values.data() + (b * entries + k) * block_rows * block_columns * item;
        std::byte* to = out.data() + b * matrix + (row * block_rows * row_items + column * block_columns) * item;
        for (std::uint64_t r = 0; r < block_rows; ++r) {
          add(to + r * row_items * item, from + r * block_columns * item,
              block_columns * count * parts_per_element(tensor.values.dtype));
        }
      }
    }
  }
}

}  // namespace transload::torch
