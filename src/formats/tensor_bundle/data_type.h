// TensorFlow's element types (tensorflow/core/framework/types.proto) and ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "transload/dtype.h"

namespace transload::tensor_bundle {

// The numbers that the writer needs by name.
inline constexpr std::int32_t kInt32 = 3, kString = 7, kInt64 = 9;

// What the number of a DataType means to us.
struct DataType {
  std::int32_t number;
  std::string_view name;       // "DT_FLOAT"
  std::optional<DType> dtype;  // none: TensorFlow has it, Transload does not
  std::uint8_t swap;           // bytes that a big-endian file reverses together; 0: none
  std::uint8_t zero_field;     // of TensorProto: where a graph's constant holds a value; 0: no variable can hold it
};

const DataType* data_type(std::int32_t number) noexcept;  // nullptr: no type of a stored tensor
const DataType* data_type(DType dtype) noexcept;          // nullptr: TensorFlow does not have it

}  // namespace transload::tensor_bundle
