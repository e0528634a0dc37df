#include "stats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "plan/cast.h"

namespace transload::cli {
namespace {

template <class T>
std::vector<double> widened(const std::vector<std::byte>& bytes) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

std::vector<double> values_of(DType dtype, const std::vector<std::byte>& bytes) {
  switch (dtype) {
    case DType::boolean:
    case DType::u8: return widened<std::uint8_t>(bytes);
    case DType::i8: return widened<std::int8_t>(bytes);
    case DType::u16: return widened<std::uint16_t>(bytes);
    case DType::i16: return widened<std::int16_t>(bytes);
    case DType::u32: return widened<std::uint32_t>(bytes);
    case DType::i32: return widened<std::int32_t>(bytes);
    case DType::u64: return widened<std::uint64_t>(bytes);
    case DType::i64: return widened<std::int64_t>(bytes);
    default: break;
  }
  if (!is_float(dtype)) return {};
  std::vector<double> values(bytes.size() / element_bytes(dtype));
  cast(dtype, DType::f64, bytes, std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace

std::optional<Stats> stats_of(const Reader& reader, const TensorInfo& tensor) {
  const DTypeKind kind = info(tensor.dtype).kind;
  if (kind != DTypeKind::boolean && kind != DTypeKind::integer && kind != DTypeKind::floating) return std::nullopt;
  std::vector<std::byte> bytes(tensor_bytes(tensor.dtype, tensor.shape));
  read_tensor(reader, tensor, bytes);
  const std::vector<double> values = values_of(tensor.dtype, bytes);
  if (values.empty()) return std::nullopt;
  Stats stats;
  stats.least = std::numeric_limits<double>::infinity();
  stats.greatest = -stats.least;
  std::uint64_t finite = 0;
  double sum = 0, squares = 0;
  for (const double value : values) {
    stats.zeros += value == 0 ? 1 : 0;
    stats.nans += std::isnan(value) ? 1 : 0;
    stats.infinities += std::isinf(value) ? 1 : 0;
    if (!std::isfinite(value)) continue;
    ++finite;
    sum += value;
    stats.least = std::min(stats.least, value);
    stats.greatest = std::max(stats.greatest, value);
  }
  if (finite == 0) {
    stats.least = stats.greatest = std::numeric_limits<double>::quiet_NaN();
    stats.mean = stats.deviation = stats.least;
    return stats;
  }
  stats.mean = sum / static_cast<double>(finite);
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - stats.mean) * (value - stats.mean);
  }
  stats.deviation = std::sqrt(squares / static_cast<double>(finite));
  return stats;
}

}  // namespace transload::cli
