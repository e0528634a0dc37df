// Which element types a safetensors file can hold, and what it calls them.
#pragma once

#include <optional>
#include <string_view>

#include "transload/dtype.h"

namespace transload::safetensors {

// nullopt: no such name.
std::optional<DType> dtype_called(std::string_view name) noexcept;

// How a type is written: its name there, and its place in the order of the file, higher ranks first.
struct Written {
  std::string_view name;
  std::size_t rank;
};
// nullopt: the format cannot hold it. Float4 pairs (f4_e2m1fn_x2) are written as F4, their last dimension doubled.
std::optional<Written> written(DType type) noexcept;

}  // namespace transload::safetensors
