// Element types: one row each in a table, so that packed and quantised types fit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace transload {

// The sizes of a tensor's dimensions, outermost first. Never negative. Empty: a scalar.
using Shape = std::vector<std::int64_t>;

enum class DType : std::uint8_t {
  boolean,
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  f16,
  bf16,
  f32,
  f64,
  c32,
  c64,
  c128,
  f8_e4m3fn,
  f8_e5m2,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  f8_e8m0fnu,
  f4_e2m1fn,
  f4_e2m1fn_x2,
  f6_e2m3fn,
  f6_e3m2fn,
  bits8,
  bits16,
  string,
};

enum class DTypeKind : std::uint8_t { boolean, integer, floating, complex, packed, opaque, text };

// `bits` is the size of one element. Where it is not a multiple of 8, elements are packed without gaps and a whole
// tensor must fill whole bytes. `string` has 0: its size depends on its values.
struct DTypeInfo {
  DType type;
  std::string_view name;  // "float32": the name in every output of Transload
  std::uint16_t bits;
  DTypeKind kind;
};

std::span<const DTypeInfo> dtypes() noexcept;  // in the order of the enumerators
const DTypeInfo& info(DType type) noexcept;
std::string_view name(DType type) noexcept;
std::optional<DType> dtype_named(std::string_view name) noexcept;
bool is_float(DType type) noexcept;  // f16, bf16, f32, f64: what --dtype can change

// Bytes of one element, for types of whole bytes. Errc::usage for packed types and strings.
std::uint64_t element_bytes(DType type);
// Number of elements. Errc::corrupt when the product overflows 63 bits or a dimension is negative. A zero dimension
// makes 0, however large the others are.
std::uint64_t element_count(std::span<const std::int64_t> shape);
// Bytes of a tensor in C order. Errc::corrupt when it overflows or does not fill whole bytes; 0 for strings.
std::uint64_t tensor_bytes(DType type, std::span<const std::int64_t> shape);
// "[2, 3]", for messages.
std::string to_string(std::span<const std::int64_t> shape);

}  // namespace transload
