#include "plan/nonfinite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "plan/cast.h"

namespace transload {
namespace {

constexpr std::uint64_t kBlock = std::uint64_t{4} << 20;

// `exponent`: the exponent field of a format. Adding its lowest bit carries into the sign exactly where the field is
// all ones; so the loop has no branch, and is done many elements at a time.
template <class Bits>
bool any_with_exponent(ByteView bytes, Bits exponent) noexcept {
  const Bits lowest = exponent & static_cast<Bits>(~exponent + 1);
  Bits sums = 0;
  for (std::size_t at = 0; at + sizeof(Bits) <= bytes.size(); at += sizeof(Bits)) {
    Bits value;
    std::memcpy(&value, bytes.data() + at, sizeof(Bits));
    sums = static_cast<Bits>(sums | static_cast<Bits>((value & exponent) + lowest));
  }
  return sums >> (8 * sizeof(Bits) - 1) != 0;
}

bool exactly(DType type, ByteView bytes) noexcept {
  switch (type) {
    case DType::f16: return any_with_exponent<std::uint16_t>(bytes, 0x7C00);
    case DType::bf16: return any_with_exponent<std::uint16_t>(bytes, 0x7F80);
    case DType::f32: return any_with_exponent<std::uint32_t>(bytes, 0x7F800000);
    default: return any_with_exponent<std::uint64_t>(bytes, 0x7FF0000000000000);
  }
}

// The highest bit of the exponent of each element in a word: set only from 2 on, which few weights reach.
std::uint64_t highest_exponent_bits(DType type) noexcept {
  if (type == DType::f64) return 0x4000000000000000;
  return type == DType::f32 ? 0x4000000040000000 : 0x4000400040004000;
}

std::uint64_t all_bits(ByteView words) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t at = 0; at < words.size(); at += sizeof(bits)) {
    std::uint64_t word;
    std::memcpy(&word, words.data() + at, sizeof(word));
    bits |= word;
  }
  return bits;
}

// Calls `work(number of the first element, bytes)` for a tensor in C order, in pieces where it is stored so.
void for_each_block(const Reader& reader, const TensorInfo& tensor,
                    const std::function<void(std::uint64_t, ByteView)>& work) {
  const std::uint64_t size = tensor_bytes(tensor.dtype, tensor.shape), width = element_bytes(tensor.dtype);
  const bool in_order =
      tensor.chunks.size() == 1 && tensor.chunks.front().extent.empty() && tensor.chunks.front().strides.empty();
  std::vector<std::byte> block(in_order ? std::min(size, kBlock) : size);
  for (std::uint64_t at = 0; at < size; at += block.size()) {
    const MutableByteView part(block.data(), std::min<std::uint64_t>(block.size(), size - at));
    if (in_order) {
      reader.read(tensor.chunks.front().storage, tensor.chunks.front().offset + at, part);
    } else {
      read_tensor(reader, tensor, part);
    }
    work(at / width, part);
  }
}

Element element(const TensorInfo& tensor, std::uint64_t number, double value) {
  Element found{Shape(tensor.shape.size()), value};
  for (std::size_t axis = tensor.shape.size(); axis-- > 0;) {
    const auto extent = static_cast<std::uint64_t>(tensor.shape[axis]);
    found.index[axis] = static_cast<std::int64_t>(number % extent);
    number /= extent;
  }
  return found;
}

std::vector<double> as_doubles(DType type, ByteView bytes) {
  std::vector<double> values(bytes.size() / element_bytes(type));
  cast(type, DType::f64, bytes, std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace

bool any_nonfinite(DType type, ByteView bytes) noexcept {
  if (!is_float(type)) return false;
  constexpr std::size_t kStretch = 4096;  // what is looked at again when one of its values reaches 2
  const std::uint64_t mask = highest_exponent_bits(type);
  const std::size_t whole = bytes.size() / sizeof(mask) * sizeof(mask);
  for (std::size_t at = 0; at < whole; at += kStretch) {
    const ByteView part = bytes.subspan(at, std::min(kStretch, whole - at));
    if ((all_bits(part) & mask) != 0 && exactly(type, part)) return true;
  }
  return exactly(type, bytes.subspan(whole));
}

std::string to_text(const Element& element) {
  return element.index.empty() ? fmt::format("{:.9g}", element.value)
                               : fmt::format("{:.9g} at {}", element.value, to_string(element.index));
}

std::optional<Element> first_nonfinite(const Reader& reader, const TensorInfo& tensor) {
  std::optional<Element> found;
  for_each_block(reader, tensor, [&](std::uint64_t first, ByteView bytes) {
    if (found || !any_nonfinite(tensor.dtype, bytes)) return;
    const std::vector<double> values = as_doubles(tensor.dtype, bytes);
    const auto at = std::ranges::find_if(values, [](double value) { return !std::isfinite(value); });
    found = element(tensor, first + static_cast<std::uint64_t>(at - values.begin()), *at);
  });
  return found;
}

std::optional<Element> first_nonzero(const Reader& reader, const TensorInfo& tensor) {
  std::optional<Element> found;
  for_each_block(reader, tensor, [&](std::uint64_t first, ByteView bytes) {
    if (found || std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; })) return;
    if (!is_float(tensor.dtype)) {
      const auto at = std::ranges::find_if(bytes, [](std::byte byte) { return byte != std::byte{0}; });
      const auto number = static_cast<std::uint64_t>(at - bytes.begin()) / element_bytes(tensor.dtype);
      found = element(tensor, first + number, static_cast<double>(*at));
      return;
    }
    const std::vector<double> values = as_doubles(tensor.dtype, bytes);
    const auto at = std::ranges::find_if(values, [](double value) { return value != 0; });
    if (at != values.end()) found = element(tensor, first + static_cast<std::uint64_t>(at - values.begin()), *at);
  });
  return found;
}

Overflow overflow_of(const Reader& reader, const TensorInfo& tensor, DType to) {
  Overflow overflow;
  std::vector<std::byte> narrow;
  for_each_block(reader, tensor, [&](std::uint64_t first, ByteView bytes) {
    const std::vector<double> values = as_doubles(tensor.dtype, bytes);
    narrow.resize(values.size() * element_bytes(to));
    if (cast(tensor.dtype, to, bytes, narrow) == 0) return;
    const std::vector<double> rounded = as_doubles(to, narrow);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isinf(rounded[i]) || std::isinf(values[i])) continue;
      if (overflow.count++ == 0) overflow.first = element(tensor, first + i, values[i]);
    }
  });
  return overflow;
}

std::string to_text(const Overflow& overflow, DType to) {
  std::string more;
  if (overflow.count > 1) {
    more = fmt::format(", as {} {} more value{}", overflow.count == 2 ? "does" : "do", overflow.count - 1,
                       overflow.count == 2 ? "" : "s");
  }
  return fmt::format("{} is too large for {} and becomes infinite{}", to_text(overflow.first), name(to), more);
}

}  // namespace transload
