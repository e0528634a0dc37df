#include "formats/safetensors/dtypes.h"

#include <array>

namespace transload::safetensors {
namespace {

struct Row {
  std::string_view name;
  DType type;
};

// In the order of the library's enumeration (safetensors 0.8.0, tensor.rs, enum Dtype), which orders its files.
constexpr std::array kRows{
    Row{"BOOL", DType::boolean},
    Row{"F4", DType::f4_e2m1fn},
    Row{"F6_E2M3", DType::f6_e2m3fn},
    Row{"F6_E3M2", DType::f6_e3m2fn},
    Row{"U8", DType::u8},
    Row{"I8", DType::i8},
    Row{"F8_E5M2", DType::f8_e5m2},
    Row{"F8_E4M3", DType::f8_e4m3fn},
    Row{"F8_E8M0", DType::f8_e8m0fnu},
    Row{"F8_E4M3FNUZ", DType::f8_e4m3fnuz},
    Row{"F8_E5M2FNUZ", DType::f8_e5m2fnuz},
    Row{"I16", DType::i16},
    Row{"U16", DType::u16},
    Row{"F16", DType::f16},
    Row{"BF16", DType::bf16},
    Row{"I32", DType::i32},
    Row{"U32", DType::u32},
    Row{"F32", DType::f32},
    Row{"C64", DType::c64},
    Row{"F64", DType::f64},
    Row{"I64", DType::i64},
    Row{"U64", DType::u64},
};

}  // namespace

std::optional<DType> dtype_called(std::string_view name) noexcept {
  for (const Row& row : kRows) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

std::optional<Written> written(DType type) noexcept {
  if (type == DType::f4_e2m1fn_x2) type = DType::f4_e2m1fn;
  for (std::size_t rank = 0; rank < kRows.size(); ++rank) {
    if (kRows[rank].type == type) return Written{kRows[rank].name, rank};
  }
  return std::nullopt;
}

}  // namespace transload::safetensors
