#include "transload/dtype.h"

#include <fmt/format.h>

#include <array>

#include "transload/error.h"

namespace transload {
namespace {

using enum DTypeKind;

constexpr std::array kTypes{
    DTypeInfo{DType::boolean, "bool", 8, boolean},
    DTypeInfo{DType::u8, "uint8", 8, integer},
    DTypeInfo{DType::i8, "int8", 8, integer},
    DTypeInfo{DType::u16, "uint16", 16, integer},
    DTypeInfo{DType::i16, "int16", 16, integer},
    DTypeInfo{DType::u32, "uint32", 32, integer},
    DTypeInfo{DType::i32, "int32", 32, integer},
    DTypeInfo{DType::u64, "uint64", 64, integer},
    DTypeInfo{DType::i64, "int64", 64, integer},
    DTypeInfo{DType::f16, "float16", 16, floating},
    DTypeInfo{DType::bf16, "bfloat16", 16, floating},
    DTypeInfo{DType::f32, "float32", 32, floating},
    DTypeInfo{DType::f64, "float64", 64, floating},
    DTypeInfo{DType::c32, "complex32", 32, complex},
    DTypeInfo{DType::c64, "complex64", 64, complex},
    DTypeInfo{DType::c128, "complex128", 128, complex},
    DTypeInfo{DType::f8_e4m3fn, "float8_e4m3fn", 8, opaque},
    DTypeInfo{DType::f8_e5m2, "float8_e5m2", 8, opaque},
    DTypeInfo{DType::f8_e4m3fnuz, "float8_e4m3fnuz", 8, opaque},
    DTypeInfo{DType::f8_e5m2fnuz, "float8_e5m2fnuz", 8, opaque},
    DTypeInfo{DType::f8_e8m0fnu, "float8_e8m0fnu", 8, opaque},
    DTypeInfo{DType::f4_e2m1fn, "float4_e2m1fn", 4, packed},
    DTypeInfo{DType::f4_e2m1fn_x2, "float4_e2m1fn_x2", 8, opaque},
    DTypeInfo{DType::f6_e2m3fn, "float6_e2m3fn", 6, packed},
    DTypeInfo{DType::f6_e3m2fn, "float6_e3m2fn", 6, packed},
    DTypeInfo{DType::bits8, "bits8", 8, opaque},
    DTypeInfo{DType::bits16, "bits16", 16, opaque},
    DTypeInfo{DType::string, "string", 0, text},
};

consteval bool in_order() {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (static_cast<std::size_t>(kTypes[i].type) != i) return false;
  }
  return true;
}
static_assert(in_order(), "kTypes has one row per DType, in its order");

}  // namespace

std::span<const DTypeInfo> dtypes() noexcept { return kTypes; }

const DTypeInfo& info(DType type) noexcept { return kTypes[static_cast<std::size_t>(type)]; }

std::string_view name(DType type) noexcept { return info(type).name; }

std::optional<DType> dtype_named(std::string_view name) noexcept {
  for (const DTypeInfo& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

bool is_float(DType type) noexcept { return info(type).kind == DTypeKind::floating; }

std::uint64_t element_bytes(DType type) {
  const DTypeInfo& row = info(type);
  if (row.bits == 0 || row.bits % 8 != 0) {
    throw Error(Errc::usage, fmt::format("elements of {} are not whole bytes", row.name));
  }
  return row.bits / 8u;
}

std::uint64_t element_count(std::span<const std::int64_t> shape) {
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) throw Error(Errc::corrupt, fmt::format("negative dimension in shape {}", to_string(shape)));
    empty = empty || size == 0;
  }
  if (empty) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(count, size, &count)) {
      throw Error(Errc::corrupt, fmt::format("shape {} has more elements than 63 bits can count", to_string(shape)));
    }
  }
  return static_cast<std::uint64_t>(count);
}

std::uint64_t tensor_bytes(DType type, std::span<const std::int64_t> shape) {
  const std::uint64_t count = element_count(shape);
  std::int64_t bits = 0;
  if (__builtin_mul_overflow(count, info(type).bits, &bits)) {
    throw Error(Errc::corrupt, fmt::format("a {} of shape {} is larger than any file", name(type), to_string(shape)));
  }
  if (bits % 8 != 0) {
    throw Error(Errc::corrupt, fmt::format("a {} of shape {} does not fill whole bytes", name(type), to_string(shape)));
  }
  return static_cast<std::uint64_t>(bits) / 8;
}

std::string to_string(std::span<const std::int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace transload
