#include "formats/torch/globals.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace transload::torch {
namespace {

constexpr Global plain(std::string_view module, std::string_view name, Role role) {
  return {.module = module, .name = name, .role = role, .dtype = std::nullopt, .bytes = 0, .untyped = false};
}

constexpr Global kNames[] = {
    plain("collections", "OrderedDict", Role::dict_like),
    plain("collections", "Counter", Role::dict_like),
    plain("collections", "defaultdict", Role::dict_like),
    plain("builtins", "set", Role::set_like),
    plain("builtins", "frozenset", Role::set_like),
    plain("builtins", "bytearray", Role::byte_array),
    plain("builtins", "complex", Role::complex_number),
    // As Python 2 called them, and as protocol 2 still does.
    plain("__builtin__", "set", Role::set_like),
    plain("__builtin__", "frozenset", Role::set_like),
    plain("__builtin__", "bytearray", Role::byte_array),
    plain("__builtin__", "complex", Role::complex_number),
    plain("builtins", "slice", Role::range_like),
    plain("__builtin__", "slice", Role::range_like),
    plain("builtins", "range", Role::range_like),
    plain("__builtin__", "xrange", Role::range_like),
    plain("builtins", "bytes", Role::empty_bytes),
    plain("__builtin__", "bytes", Role::empty_bytes),
    plain("builtins", "object", Role::plain_object),
    plain("__builtin__", "object", Role::plain_object),
    plain("builtins", "list", Role::plain_type),
    plain("__builtin__", "list", Role::plain_type),
    plain("builtins", "dict", Role::plain_type),
    plain("__builtin__", "dict", Role::plain_type),
    plain("builtins", "tuple", Role::plain_type),
    plain("__builtin__", "tuple", Role::plain_type),
    plain("builtins", "int", Role::plain_type),
    plain("__builtin__", "int", Role::plain_type),
    plain("__builtin__", "long", Role::plain_type),
    plain("builtins", "float", Role::plain_type),
    plain("__builtin__", "float", Role::plain_type),
    plain("builtins", "bool", Role::plain_type),
    plain("__builtin__", "bool", Role::plain_type),
    plain("builtins", "str", Role::plain_type),
    plain("__builtin__", "str", Role::plain_type),
    plain("__builtin__", "unicode", Role::plain_type),
    plain("_codecs", "encode", Role::encode),
    plain("torch", "Size", Role::size),
    plain("torch", "device", Role::device),
    plain("torch.serialization", "_get_layout", Role::layout),
    plain("torch._utils", "_rebuild_tensor", Role::tensor_v1),
    plain("torch._utils", "_rebuild_tensor_v2", Role::tensor_v2),
    plain("torch._utils", "_rebuild_tensor_v3", Role::tensor_v3),
    plain("torch._utils", "_rebuild_parameter", Role::parameter),
    plain("torch._utils", "_rebuild_parameter_with_state", Role::parameter_state),
    plain("torch._tensor", "_rebuild_from_type_v2", Role::from_type),
    plain("torch._tensor", "_rebuild_from_type", Role::from_type),  // before 1.11
    plain("torch.tensor", "_rebuild_from_type", Role::from_type),   // before 1.9
    plain("torch._utils", "_rebuild_sparse_tensor", Role::sparse),
    plain("torch._utils", "_rebuild_qtensor", Role::quantised),
    plain("torch._utils", "_rebuild_meta_tensor_no_storage", Role::meta),
    plain("torch._utils", "_rebuild_nested_tensor", Role::nested),
    plain("torch._utils", "_rebuild_wrapper_subclass", Role::subclass),
    plain("torch._utils", "_rebuild_device_tensor_from_numpy", Role::foreign),
    plain("torch._utils", "_rebuild_device_tensor_from_cpu_tensor", Role::foreign),
    plain("torch", "Tensor", Role::tensor_class),
    plain("torch.nn.parameter", "Parameter", Role::parameter_class),
    plain("torch.autograd.variable", "Variable", Role::parameter_class),
    plain("torch", "per_tensor_affine", Role::scheme),
    plain("torch", "per_tensor_symmetric", Role::scheme),
    plain("torch", "per_channel_affine", Role::scheme),
    plain("torch", "per_channel_symmetric", Role::scheme),
    plain("torch", "per_channel_affine_float_qparams", Role::scheme),
};

struct StorageName {
  std::string_view name;
  std::optional<DType> dtype;
  std::uint8_t bytes;
};

// Under torch. and torch.cuda.
constexpr StorageName kStorages[] = {
    {"DoubleStorage", DType::f64, 8},
    {"FloatStorage", DType::f32, 4},
    {"HalfStorage", DType::f16, 2},
    {"BFloat16Storage", DType::bf16, 2},
    {"LongStorage", DType::i64, 8},
    {"IntStorage", DType::i32, 4},
    {"ShortStorage", DType::i16, 2},
    {"CharStorage", DType::i8, 1},
    {"ByteStorage", DType::u8, 1},
    {"BoolStorage", DType::boolean, 1},
    {"ComplexDoubleStorage", DType::c128, 16},
    {"ComplexFloatStorage", DType::c64, 8},
    {"QInt32Storage", std::nullopt, 4},
    {"QInt8Storage", std::nullopt, 1},
    {"QUInt8Storage", std::nullopt, 1},
    {"QUInt4x2Storage", std::nullopt, 1},
    {"QUInt2x4Storage", std::nullopt, 1},
};

// Under torch. and torch.cuda.: the classes of tensors before 0.4.
constexpr StorageName kTensorClasses[] = {
    {"DoubleTensor", DType::f64, 8},    {"FloatTensor", DType::f32, 4}, {"HalfTensor", DType::f16, 2},
    {"BFloat16Tensor", DType::bf16, 2}, {"LongTensor", DType::i64, 8},  {"IntTensor", DType::i32, 4},
    {"ShortTensor", DType::i16, 2},     {"CharTensor", DType::i8, 1},   {"ByteTensor", DType::u8, 1},
    {"BoolTensor", DType::boolean, 1},
};

struct DTypeName {
  std::string_view name;
  std::optional<DType> dtype;
  std::uint8_t bytes;
};

constexpr DTypeName kDTypes[] = {
    {"float64", DType::f64, 8},
    {"float32", DType::f32, 4},
    {"float16", DType::f16, 2},
    {"bfloat16", DType::bf16, 2},
    {"int64", DType::i64, 8},
    {"int32", DType::i32, 4},
    {"int16", DType::i16, 2},
    {"int8", DType::i8, 1},
    {"uint64", DType::u64, 8},
    {"uint32", DType::u32, 4},
    {"uint16", DType::u16, 2},
    {"uint8", DType::u8, 1},
    {"bool", DType::boolean, 1},
    {"complex128", DType::c128, 16},
    {"complex64", DType::c64, 8},
    {"complex32", DType::c32, 4},
    {"float8_e4m3fn", DType::f8_e4m3fn, 1},
    {"float8_e4m3fnuz", DType::f8_e4m3fnuz, 1},
    {"float8_e5m2", DType::f8_e5m2, 1},
    {"float8_e5m2fnuz", DType::f8_e5m2fnuz, 1},
    {"float8_e8m0fnu", DType::f8_e8m0fnu, 1},
    {"float4_e2m1fn_x2", DType::f4_e2m1fn_x2, 1},
    {"bits8", DType::bits8, 1},
    {"bits16", DType::bits16, 2},
    {"bits1x8", std::nullopt, 1},
    {"bits2x4", std::nullopt, 1},
    {"bits4x2", std::nullopt, 1},
    {"int1", std::nullopt, 0},
    {"int2", std::nullopt, 0},
    {"int3", std::nullopt, 0},
    {"int4", std::nullopt, 0},
    {"int5", std::nullopt, 0},
    {"int6", std::nullopt, 0},
    {"int7", std::nullopt, 0},
    {"uint1", std::nullopt, 0},
    {"uint2", std::nullopt, 0},
    {"uint3", std::nullopt, 0},
    {"uint4", std::nullopt, 0},
    {"uint5", std::nullopt, 0},
    {"uint6", std::nullopt, 0},
    {"uint7", std::nullopt, 0},
    {"qint32", std::nullopt, 4},
    {"qint8", std::nullopt, 1},
    {"quint8", std::nullopt, 1},
    {"quint4x2", std::nullopt, 1},
    {"quint2x4", std::nullopt, 1},
};

constexpr Global storage(std::string_view module, std::string_view name, std::optional<DType> dtype, std::uint8_t bytes,
                         bool untyped = false) {
  return {.module = module, .name = name, .role = Role::storage, .dtype = dtype, .bytes = bytes, .untyped = untyped};
}

constexpr std::size_t kStorageCount = std::size(kStorages), kClassCount = std::size(kTensorClasses);

// Storages and tensor classes under two modules, the untyped storages, and the dtypes, as Globals.
constexpr auto kTypes = [] {
  std::array<Global, 2 * kStorageCount + 2 * kClassCount + 4 + std::size(kDTypes)> table{};
  std::size_t at = 0;
  for (const StorageName& row : kStorages) {
    table[at++] = storage("torch", row.name, row.dtype, row.bytes);
    table[at++] = storage("torch.cuda", row.name, row.dtype, row.bytes);
  }
  table[at++] = storage("torch.storage", "UntypedStorage", DType::u8, 1, true);
  table[at++] = storage("torch.storage", "_UntypedStorage", DType::u8, 1, true);  // 1.11, 1.12
  table[at++] = storage("torch", "UntypedStorage", DType::u8, 1, true);
  table[at++] = storage("torch.cuda", "UntypedStorage", DType::u8, 1, true);
  for (const StorageName& row : kTensorClasses) {
    for (const std::string_view module : {"torch", "torch.cuda"}) {
      table[at++] = {.module = module,
                     .name = row.name,
                     .role = Role::tensor_class,
                     .dtype = row.dtype,
                     .bytes = row.bytes,
                     .untyped = false};
    }
  }
  for (const DTypeName& row : kDTypes) {
    table[at++] = {.module = "torch",
                   .name = row.name,
                   .role = Role::dtype,
                   .dtype = row.dtype,
                   .bytes = row.bytes,
                   .untyped = false};
  }
  return table;
}();

}  // namespace

const Global* find_global(std::string_view module, std::string_view name) noexcept {
  const auto matches = [&](const Global& global) { return global.name == name && global.module == module; };
  if (const auto found = std::ranges::find_if(kNames, matches); found != std::end(kNames)) return &*found;
  if (const auto found = std::ranges::find_if(kTypes, matches); found != kTypes.end()) return &*found;
  return nullptr;
}

bool is_allowed(std::string_view module, std::string_view name) noexcept {
  return find_global(module, name) != nullptr;
}

}  // namespace transload::torch
