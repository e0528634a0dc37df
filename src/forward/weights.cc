#include "forward/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "formats/strided.h"
#include "forward/parallel.h"
#include "plan/cast.h"

namespace transload::forward {
namespace {

constexpr std::int64_t kBlock = std::int64_t{1} << 17;  // elements that are converted at a time
// A view may repeat elements (strides of 0), so that a small file describes a large tensor: up to here.
constexpr std::uint64_t kLargestRepeat = std::uint64_t{64} << 20;

std::uint64_t stored_bytes(const Reader& reader, const TensorInfo& tensor) {
  std::uint64_t sum = 0;
  for (const Chunk& chunk : tensor.chunks) sum += reader.index().storages[chunk.storage].size;
  return sum;
}

// `count` rows from `first` of a matrix (or a vector: one row) as they are stored, to doubles.
void read_rows(const Reader& reader, const TensorInfo& tensor, std::int64_t columns, std::int64_t first,
               std::int64_t count, double* to) {
  const std::vector<Axis> axes = tensor.shape.size() == 1
                                     ? std::vector<Axis>{{columns, 1, 1}}
                                     : std::vector<Axis>{{count, columns, columns}, {columns, 1, 1}};
  const std::uint64_t width = element_bytes(tensor.dtype);
  const auto elements = static_cast<std::size_t>(count * columns);
  const MutableByteView target(reinterpret_cast<std::byte*>(to), elements * sizeof(double));
  std::vector<std::byte> narrow(tensor.dtype == DType::f64 ? 0 : elements * width);
  std::byte* const bytes = narrow.empty() ? target.data() : narrow.data();
  for (const Move& move : resolve(tensor, first * columns, axes, 0)) gather(reader, move, width, bytes);
  if (!narrow.empty()) cast(tensor.dtype, DType::f64, narrow, target);
}

// The same for any number of rows, in blocks that several threads share. `to`: where the first of them goes.
void read_all(const Reader& reader, const TensorInfo& tensor, std::int64_t columns, std::int64_t first,
              std::int64_t count, double* to) {
  const std::int64_t step = std::max<std::int64_t>(1, kBlock / std::max<std::int64_t>(1, columns));
  in_parallel((count + step - 1) / step, kBlock, [&](std::int64_t block, std::int64_t last) {
    for (; block < last; ++block) {
      const std::int64_t at = block * step;
      read_rows(reader, tensor, columns, first + at, std::min(step, count - at), to + at * columns);
    }
  });
}

// The transpose of the whole of a matrix that is stored as [in, out].
void read_transposed(const Reader& reader, const TensorInfo& tensor, std::int64_t in, std::int64_t out, double* to) {
  const std::int64_t step = std::max<std::int64_t>(1, kBlock / std::max<std::int64_t>(1, out));
  in_parallel((in + step - 1) / step, kBlock, [&](std::int64_t block, std::int64_t last) {
    std::vector<double> part(static_cast<std::size_t>(std::min(step, in) * out));
    for (; block < last; ++block) {
      const std::int64_t at = block * step, rows = std::min(step, in - at);
      read_rows(reader, tensor, out, at, rows, part.data());
      strided_copy({{out, 1, in}, {rows, out, 1}}, sizeof(double), reinterpret_cast<const std::byte*>(part.data()),
                   reinterpret_cast<std::byte*>(to + at));
    }
  });
}

}  // namespace

Weights::Weights(const Model& model) : reader_(model.weights), prefix_(model.prefix), display_(model.display) {}

std::string Weights::full(std::string_view name) const { return prefix_ + std::string(name); }

bool Weights::has(std::string_view name) const { return reader_->index().find(full(name)) != nullptr; }

std::int64_t Weights::count(std::string_view before, std::string_view after) const {
  constexpr std::size_t kDigits = 6;
  const std::string start = full(before);
  std::int64_t count = 0;
  for (const TensorInfo& tensor : reader_->index().tensors) {
    std::string_view rest = tensor.name;
    if (!rest.starts_with(start)) continue;
    rest.remove_prefix(start.size());
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    const auto digits = static_cast<std::size_t>(end - rest.data());
    if (failed != std::errc() || digits > kDigits || number < 0 || !rest.substr(digits).starts_with(after)) continue;
    count = std::max(count, number + 1);
  }
  return count;
}

Where Weights::where(const TensorInfo& tensor) const {
  const Index& index = reader_->index();
  std::string file = display_;
  if (!tensor.chunks.empty()) file = index.files[index.storages[tensor.chunks.front().storage].at.file];
  return {.file = file, .offset = {}, .tensor = tensor.name};
}

const TensorInfo& Weights::find(std::string_view name, std::size_t rank) const {
  const TensorInfo* tensor = reader_->index().find(full(name));
  if (tensor == nullptr) {
    throw Error(Errc::unmapped, "the model needs this tensor, and the file does not hold it",
                {.file = display_, .offset = {}, .tensor = full(name)}, "check that the file is complete");
  }
  if (!is_float(tensor->dtype)) {
    throw Error(Errc::unsupported,
                fmt::format("a model is run with floating-point weights, not {}", transload::name(tensor->dtype)),
                where(*tensor));
  }
  if (tensor->shape.size() != rank) {
    throw Error(Errc::mismatch,
                fmt::format("its shape is {}, and the model needs {}", to_string(tensor->shape),
                            rank == 1 ? "a vector" : "a matrix"),
                where(*tensor));
  }
  const std::uint64_t size = tensor_bytes(tensor->dtype, tensor->shape);
  if (size > kLargestRepeat && size > stored_bytes(*reader_, *tensor))
    throw Error(Errc::unsupported, "the tensor repeats a small storage very often", where(*tensor));
  return *tensor;
}

Weights::Area Weights::area(std::string_view name) const {
  const TensorInfo& tensor = find(name, 2);
  return {tensor.shape[0], tensor.shape[1]};
}

Tensor Weights::vector(std::string_view name, std::int64_t size) const {
  const TensorInfo& tensor = find(name, 1);
  if (tensor.shape[0] != size) {
    throw Error(Errc::mismatch, fmt::format("its shape is {}, not [{}]", to_string(tensor.shape), size), where(tensor));
  }
  Tensor result{tensor.name, tensor.dtype, 1, size, std::vector<double>(static_cast<std::size_t>(size))};
  try {
    read_rows(*reader_, tensor, size, 0, 1, result.values.data());
  } catch (Error& error) {
    error.in(where(tensor));
    throw;
  }
  return result;
}

Tensor Weights::matrix(std::string_view name, std::int64_t rows, std::int64_t columns, Orientation orientation) const {
  const TensorInfo& tensor = find(name, 2);
  const bool turned = orientation == Orientation::in_out;
  const Shape expected = turned ? Shape{columns, rows} : Shape{rows, columns};
  if (tensor.shape != expected) {
    throw Error(Errc::mismatch, fmt::format("its shape is {}, not {}", to_string(tensor.shape), to_string(expected)),
                where(tensor));
  }
  Tensor result{tensor.name, tensor.dtype, rows, columns, std::vector<double>(element_count(expected))};
  try {
    if (turned) {
      read_transposed(*reader_, tensor, columns, rows, result.values.data());
    } else {
      read_all(*reader_, tensor, columns, 0, rows, result.values.data());
    }
  } catch (Error& error) {
    error.in(where(tensor));
    throw;
  }
  return result;
}

Tensor Weights::rows(std::string_view name, std::int64_t columns, std::span<const std::int64_t> rows) const {
  const TensorInfo& tensor = find(name, 2);
  if (tensor.shape[1] != columns) {
    throw Error(Errc::mismatch, fmt::format("its shape is {}, not [any, {}]", to_string(tensor.shape), columns),
                where(tensor));
  }
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= tensor.shape[0])
      throw Error(Errc::usage, fmt::format("row {} of {} is asked for", row, tensor.shape[0]), where(tensor));
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  Tensor result{tensor.name, tensor.dtype, count, columns,
                std::vector<double>(rows.size() * static_cast<std::size_t>(columns))};
  try {
    for (std::int64_t i = 0; i < count; ++i)
      read_rows(*reader_, tensor, columns, rows[static_cast<std::size_t>(i)], 1, result.values.data() + i * columns);
  } catch (Error& error) {
    error.in(where(tensor));
    throw;
  }
  return result;
}

Tensor Weights::rows(std::string_view name, std::int64_t columns, std::int64_t first, std::int64_t count) const {
  const TensorInfo& tensor = find(name, 2);
  if (tensor.shape[1] != columns) {
    throw Error(Errc::mismatch, fmt::format("its shape is {}, not [any, {}]", to_string(tensor.shape), columns),
                where(tensor));
  }
  if (first < 0 || count < 0 || first > tensor.shape[0] || count > tensor.shape[0] - first) {
    throw Error(Errc::usage, fmt::format("rows {} to {} of {} are asked for", first, first + count, tensor.shape[0]),
                where(tensor));
  }
  Tensor result{tensor.name, tensor.dtype, count, columns,
                std::vector<double>(static_cast<std::size_t>(count) * static_cast<std::size_t>(columns))};
  try {
    read_all(*reader_, tensor, columns, first, count, result.values.data());
  } catch (Error& error) {
    error.in(where(tensor));
    throw;
  }
  return result;
}

}  // namespace transload::forward
