#include "formats/tensor_bundle/data_type.h"

#include <algorithm>
#include <array>

namespace transload::tensor_bundle {
namespace {

// float8 carries no zero field: TensorFlow 2.15.1 has no kernel that assigns to such a variable (measured).
constexpr std::array kTypes{
    DataType{1, "DT_FLOAT", DType::f32, 4, 5},
    DataType{2, "DT_DOUBLE", DType::f64, 8, 6},
    DataType{3, "DT_INT32", DType::i32, 4, 7},
    DataType{4, "DT_UINT8", DType::u8, 0, 7},
    DataType{5, "DT_INT16", DType::i16, 2, 7},
    DataType{6, "DT_INT8", DType::i8, 0, 7},
    DataType{7, "DT_STRING", DType::string, 4, 0},
    DataType{8, "DT_COMPLEX64", DType::c64, 4, 9},
    DataType{9, "DT_INT64", DType::i64, 8, 10},
    DataType{10, "DT_BOOL", DType::boolean, 0, 11},
    DataType{11, "DT_QINT8", std::nullopt, 0, 0},
    DataType{12, "DT_QUINT8", std::nullopt, 0, 0},
    DataType{13, "DT_QINT32", std::nullopt, 0, 0},
    DataType{14, "DT_BFLOAT16", DType::bf16, 2, 13},
    DataType{15, "DT_QINT16", std::nullopt, 0, 0},
    DataType{16, "DT_QUINT16", std::nullopt, 0, 0},
    DataType{17, "DT_UINT16", DType::u16, 2, 7},
    DataType{18, "DT_COMPLEX128", DType::c128, 8, 12},
    DataType{19, "DT_HALF", DType::f16, 2, 13},
    DataType{22, "DT_UINT32", DType::u32, 4, 16},
    DataType{23, "DT_UINT64", DType::u64, 8, 17},
    DataType{24, "DT_FLOAT8_E5M2", DType::f8_e5m2, 0, 0},
    DataType{25, "DT_FLOAT8_E4M3FN", DType::f8_e4m3fn, 0, 0},
    DataType{29, "DT_INT4", std::nullopt, 0, 0},
    DataType{30, "DT_UINT4", std::nullopt, 0, 0},
};

template <class Value, class Member>
const DataType* find(const Value& value, Member member) noexcept {
  const auto found = std::ranges::find(kTypes, value, member);
  return found == kTypes.end() ? nullptr : &*found;
}

}  // namespace

const DataType* data_type(std::int32_t number) noexcept { return find(number, &DataType::number); }
const DataType* data_type(DType dtype) noexcept { return find(std::optional(dtype), &DataType::dtype); }

}  // namespace transload::tensor_bundle
