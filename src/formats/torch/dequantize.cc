#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "formats/torch/dense.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

constexpr std::uint64_t kBlock = std::uint64_t{1} << 16;  // elements

template <class T>
double number_at(const std::byte* bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

// Of a tensor of numbers, in one dimension. An int64 beyond 2^53 is no zero point.
std::vector<double> numbers_of(const Reader& parts, const TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor_bytes(tensor.dtype, tensor.shape));
  read_tensor(parts, tensor, bytes);
  std::vector<double> numbers(element_count(tensor.shape));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    switch (tensor.dtype) {
      case DType::f64: numbers[i] = number_at<double>(bytes.data(), i); break;
      case DType::f32: numbers[i] = number_at<float>(bytes.data(), i); break;
      case DType::i64: numbers[i] = number_at<std::int64_t>(bytes.data(), i); break;
      default: numbers[i] = number_at<std::int32_t>(bytes.data(), i); break;
    }
  }
  return numbers;
}

std::int32_t wrapped(double value) {
  if (!(value >= -9.2e18 && value <= 9.2e18)) return 0;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::int64_t>(value)));
}

}  // namespace

struct Dequantizer::Rep {
  QuantisedTensor tensor;
  bool floating = false;  // zero points that are no integers: all is computed in float32
  std::uint64_t inner = 1, channels = 1;
  mutable std::once_flag read;
  mutable std::vector<double> scales, zero_points;

  void read_channels(const Reader& parts) const {
    std::call_once(read, [&] {
      if (!tensor.channels) {
        scales = {tensor.scale};
        zero_points = {static_cast<double>(tensor.zero_point)};
        return;
      }
      std::vector<double> read_scales = numbers_of(parts, tensor.channels->scales);
      zero_points = numbers_of(parts, tensor.channels->zero_points);
      scales = std::move(read_scales);
    });
  }

  // The stored integers of elements [first, first + count).
  void read_integers(const Reader& parts, std::uint64_t first, std::span<std::int32_t> out) const {
    const DType dtype = tensor.values.dtype;
    const Chunk& chunk = tensor.values.chunks.front();
    const std::uint64_t per_byte = tensor.bits < 8 ? 8 / tensor.bits : 1;
    const std::uint64_t width = element_bytes(dtype);
    const std::uint64_t from = first / per_byte, to = (first + out.size() + per_byte - 1) / per_byte;
    std::vector<std::byte> bytes((to - from) * width);
    parts.read(chunk.storage, chunk.offset + from * width, bytes);
    convert(bytes, first % per_byte, out);
  }

  void convert(const std::vector<std::byte>& bytes, std::uint64_t lead, std::span<std::int32_t> out) const {
    const std::uint64_t per_byte = tensor.bits < 8 ? 8 / tensor.bits : 1;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (tensor.bits < 8) {
        const auto byte = std::to_integer<unsigned>(bytes[(lead + i) / per_byte]);
        out[i] = static_cast<std::int32_t>(byte >> ((lead + i) % per_byte * tensor.bits) & ((1u << tensor.bits) - 1));
      } else if (tensor.values.dtype == DType::i8) {
        out[i] = static_cast<std::int8_t>(bytes[i]);
      } else if (tensor.values.dtype == DType::u8) {
        out[i] = std::to_integer<std::int32_t>(bytes[i]);
      } else {
        std::memcpy(&out[i], bytes.data() + i * 4, 4);
      }
    }
  }

  // As ATen and FBGEMM compute it (measured with torch 2.13 on x86-64): the difference in 32-bit integers, then one
  // product in float32; of packed elements and of floating zero points all in float32; of channels the difference in
  // float32, and the product with the scale as it is stored, in float64.
  void dequantize(std::uint64_t first, std::span<const std::int32_t> integers, float* out) const {
    for (std::size_t i = 0; i < integers.size(); ++i) {
      const std::uint64_t channel = channels == 1 ? 0 : (first + i) / inner % channels;
      const double scale = scales[channel], zero = zero_points[channel];
      if (floating || (tensor.bits < 8 && !tensor.channels)) {
        out[i] = (static_cast<float>(integers[i]) - static_cast<float>(zero)) * static_cast<float>(scale);
      } else if (tensor.channels) {
        const float difference = static_cast<float>(integers[i]) - static_cast<float>(zero);
        out[i] = static_cast<float>(static_cast<double>(difference) * scale);
      } else {
        const auto difference = static_cast<std::int32_t>(static_cast<std::uint32_t>(integers[i]) -
                                                          static_cast<std::uint32_t>(wrapped(zero)));
        out[i] = static_cast<float>(scale) * static_cast<float>(difference);
      }
    }
  }
};

Dequantizer::Dequantizer(QuantisedTensor tensor) : rep_(std::make_shared<Rep>()) {
  rep_->tensor = std::move(tensor);
  const QuantisedTensor& own = rep_->tensor;
  if (!own.channels) return;
  const std::span<const std::int64_t> shape(own.shape);
  rep_->floating = info(own.channels->zero_points.dtype).kind == DTypeKind::floating;
  rep_->inner = std::max<std::uint64_t>(1, element_count(shape.subspan(own.channels->axis + 1)));
  rep_->channels = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(shape[own.channels->axis]));
}

bool Dequantizer::in_pieces() const noexcept { return rep_->tensor.values.chunks.front().strides.empty(); }

void Dequantizer::fill(const Reader& parts, std::uint64_t offset, MutableByteView out) const {
  if (out.empty()) return;
  rep_->read_channels(parts);
  if (!in_pieces()) {
    std::vector<std::byte> bytes(tensor_bytes(rep_->tensor.values.dtype, rep_->tensor.values.shape));
    read_tensor(parts, rep_->tensor.values, bytes);
    std::vector<std::int32_t> integers(out.size() / sizeof(float));
    rep_->convert(bytes, 0, integers);
    std::vector<float> floats(integers.size());
    rep_->dequantize(0, integers, floats.data());
    std::memcpy(out.data(), floats.data(), out.size());
    return;
  }
  std::vector<std::int32_t> integers;
  std::vector<float> floats;
  const std::uint64_t end = offset + out.size();
  for (std::uint64_t first = offset / sizeof(float); first * sizeof(float) < end; first += kBlock) {
    const std::uint64_t count = std::min(kBlock, (end + sizeof(float) - 1) / sizeof(float) - first);
    integers.resize(count);
    floats.resize(count);
    rep_->read_integers(parts, first, integers);
    rep_->dequantize(first, integers, floats.data());
    const std::uint64_t begins = first * sizeof(float), ends = begins + count * sizeof(float);
    const std::uint64_t from = std::max(begins, offset), to = std::min(ends, end);
    std::memcpy(out.data() + (from - offset), reinterpret_cast<const std::byte*>(floats.data()) + (from - begins),
                to - from);
  }
}

}  // namespace transload::torch
