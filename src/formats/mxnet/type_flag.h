// The numbers by which MXNet's files tell element types.
// Source: 3rdparty/mshadow/mshadow/base.h, enum TypeFlag (MXNet 1.9.1 and 2.0).
#pragma once

#include <cstdint>
#include <optional>

#include "transload/dtype.h"

namespace transload::mxnet {

// nullopt: no such number.
std::optional<DType> dtype_of_flag(std::int32_t flag) noexcept;
// nullopt: MXNet has no such type.
std::optional<std::int32_t> flag_of_dtype(DType type) noexcept;

}  // namespace transload::mxnet
