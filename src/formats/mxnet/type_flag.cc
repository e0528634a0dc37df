#include "formats/mxnet/type_flag.h"

#include <algorithm>
#include <array>

namespace transload::mxnet {
namespace {

// The place in the list is the number. 0 to 4 from the first release on, 5 and 6 from 0.11, 7 (bool) from 1.6,
// 12 (bfloat16) from 1.7; 8 to 11 in 2.0 alone.
constexpr std::array kTypes{DType::f32,     DType::f64, DType::f16, DType::u8,  DType::i32, DType::i8,  DType::i64,
                            DType::boolean, DType::i16, DType::u16, DType::u32, DType::u64, DType::bf16};

}  // namespace

std::optional<DType> dtype_of_flag(std::int32_t flag) noexcept {
  if (flag < 0 || static_cast<std::size_t>(flag) >= kTypes.size()) return std::nullopt;
  return kTypes[static_cast<std::size_t>(flag)];
}

std::optional<std::int32_t> flag_of_dtype(DType type) noexcept {
  const auto found = std::ranges::find(kTypes, type);
  if (found == kTypes.end()) return std::nullopt;
  return static_cast<std::int32_t>(found - kTypes.begin());
}

}  // namespace transload::mxnet
