#include "formats/mxnet/type_flag.h"

#include <algorithm>
#include <array>

namespace transload::mxnet {
namespace {

// The place in the list is the number. Which release knows which: docs/formats/mxnet.md, section 1.
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
