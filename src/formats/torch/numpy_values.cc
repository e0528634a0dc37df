#include "formats/torch/numpy_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "formats/torch/strided_view.h"
#include "transload/error.h"
#include "wire/latin1.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::size_t kLongestType = 64;

struct TypeName {
  std::string_view name;
  DType dtype;
};

constexpr TypeName kTypes[] = {
    {"f2", DType::f16}, {"f4", DType::f32},     {"f8", DType::f64}, {"i1", DType::i8},    {"i2", DType::i16},
    {"i4", DType::i32}, {"i8", DType::i64},     {"u1", DType::u8},  {"u2", DType::u16},   {"u4", DType::u32},
    {"u8", DType::u64}, {"b1", DType::boolean}, {"c8", DType::c64}, {"c16", DType::c128},
};

std::vector<std::int64_t> fortran_strides(const Shape& shape) {
  std::vector<std::int64_t> strides;
  std::int64_t step = 1;
  for (const std::int64_t extent : shape) {
    strides.push_back(step);
    step *= std::max<std::int64_t>(extent, 1);  // the product is known to fit
  }
  return strides;
}

}  // namespace

bool NumpyValues::is_call(PickleRef ref, Role role) const {
  return pickle_.kind(ref) == PickleKind::call && roles_[ref] == role;
}

NumpyType NumpyValues::type(PickleRef ref) const {
  if (!is_call(ref, Role::numpy_dtype)) pickle_.fail(ref, "a numpy array without a dtype");
  const Pickle::Call call = pickle_.call(ref);
  const auto values = pickle_.items(call.arguments);
  if (values.empty() || values.size() > 3 || pickle_.kind(values[0]) != PickleKind::text ||
      pickle_.text(values[0]).size() > kLongestType) {
    pickle_.fail(ref, "a numpy dtype without a name");
  }
  NumpyType type;
  type.text = escaped(pickle_.text(values[0]));
  type.objects = type.text.starts_with('O');
  const auto known = std::ranges::find(kTypes, std::string_view(type.text), &TypeName::name);
  if (known != std::end(kTypes)) {
    type.dtype = known->dtype;
    type.bytes = static_cast<std::uint8_t>(element_bytes(known->dtype));
  }
  if (!call.state) return type;
  // (version, byte order, base, names, fields, size, alignment, flags[, metadata])
  const auto state = pickle_.kind(*call.state) == PickleKind::tuple ? pickle_.items(*call.state) : decltype(values){};
  if (state.size() < 5 || state.size() > 9 || pickle_.kind(state[1]) != PickleKind::text) {
    pickle_.fail(*call.state, "a numpy dtype with a state that numpy does not write");
  }
  const std::string_view order = pickle_.text(state[1]);
  if (order != "<" && order != ">" && order != "|" && order != "=") {
    pickle_.fail(*call.state, "a numpy dtype with an unknown byte order");
  }
  type.big = order == ">";
  if (!pickle_.is_none(state[2]) || !pickle_.is_none(state[3]) || !pickle_.is_none(state[4])) type.dtype.reset();
  return type;
}

Shape NumpyValues::shape(PickleRef ref) const {
  if (pickle_.kind(ref) != PickleKind::tuple) pickle_.fail(ref, "a numpy array whose shape is not a tuple");
  const auto items = pickle_.items(ref);
  if (std::ssize(items) > kMostDimensions) {
    pickle_.fail(ref, fmt::format("an array of {} dimensions; at most {} are read", items.size(), kMostDimensions));
  }
  Shape shape;
  for (const PickleRef item : items) {
    if (pickle_.kind(item) != PickleKind::integer || pickle_.integer(item) < 0) {
      pickle_.fail(item, "a numpy array whose shape is not of counts");
    }
    shape.push_back(pickle_.integer(item));
  }
  return shape;
}

std::optional<Embedded> NumpyValues::data(PickleRef ref) const {
  const auto plain = [&](PickleRef value) -> std::optional<Embedded> {
    const std::uint64_t size = pickle_.text(value).size();
    if (size == 0) return Embedded{};
    const auto position = pickle_.position(value);
    if (!position) return std::nullopt;
    return Embedded{*position, size, size, false};
  };
  if (pickle_.kind(ref) == PickleKind::bytes) return plain(ref);
  if (pickle_.kind(ref) == PickleKind::text && pickle_.is_byte_text(ref)) return plain(ref);
  if (is_call(ref, Role::empty_bytes)) return Embedded{};
  if (!is_call(ref, Role::encode)) pickle_.fail(ref, "a numpy array whose data is not bytes");
  const PickleRef text = pickle_.items(pickle_.call(ref).arguments)[0];  // checked before
  const std::string_view utf8 = pickle_.text(text);
  const auto size = wire::latin1_size(utf8);
  if (!size) pickle_.fail(ref, "text that does not stand for bytes");
  if (*size == 0) return Embedded{};
  const auto position = pickle_.position(text);
  if (!position) return std::nullopt;
  return Embedded{*position, utf8.size(), *size, *size != utf8.size()};
}

void NumpyValues::fit(PickleRef ref, NumpyArray& array, PickleRef bytes) const {
  if (array.type.objects) {
    array.problem = "is a numpy array of Python objects";
    return;
  }
  if (!array.type.dtype) {
    array.problem = fmt::format("is a numpy array of the type {}, which is not read", array.type.text);
    return;
  }
  std::uint64_t wanted = 0;
  try {
    wanted = tensor_bytes(*array.type.dtype, array.shape);
  } catch (const Error& error) {
    pickle_.fail(ref, error.message());
  }
  const auto found = data(bytes);
  if (!found) {
    array.problem = "is a numpy array whose bytes are written as text with escapes";
    return;
  }
  if (found->size != wanted) {
    pickle_.fail(ref, fmt::format("a numpy array of {} bytes where its shape needs {}", found->size, wanted));
  }
  array.data = *found;
}

NumpyArray NumpyValues::array(PickleRef ref) const {
  return roles_[ref] == Role::numpy_array ? rebuilt(ref) : from_buffer(ref);
}

// _reconstruct(ndarray, (0,), b'b') with the state (1, shape, dtype, Fortran order, bytes).
NumpyArray NumpyValues::rebuilt(PickleRef ref) const {
  const Pickle::Call call = pickle_.call(ref);
  const auto values = pickle_.items(call.arguments);
  if (values.size() != 3 || pickle_.kind(values[0]) != PickleKind::global || roles_[values[0]] != Role::numpy_class) {
    pickle_.fail(ref, "a numpy array of a class that is not known", Errc::unsupported);
  }
  const auto state =
      call.state && pickle_.kind(*call.state) == PickleKind::tuple ? pickle_.items(*call.state) : decltype(values){};
  if (state.size() != 5 || pickle_.kind(state[3]) != PickleKind::boolean) {
    // Python 2 wrote the order as an integer.
    if (state.size() != 5 || pickle_.kind(state[3]) != PickleKind::integer) {
      pickle_.fail(ref, "a numpy array without its shape, type and bytes");
    }
  }
  NumpyArray array;
  array.type = type(state[2]);
  array.shape = shape(state[1]);
  fit(ref, array, state[4]);
  const bool fortran =
      pickle_.kind(state[3]) == PickleKind::boolean ? pickle_.boolean(state[3]) : pickle_.integer(state[3]) != 0;
  if (array.problem.empty() && fortran && array.data.size != 0) array.strides = fortran_strides(array.shape);
  return array;
}

// _frombuffer(bytes, dtype, shape, "C" or "F"): protocol 5.
NumpyArray NumpyValues::from_buffer(PickleRef ref) const {
  const auto values = pickle_.items(pickle_.call(ref).arguments);
  if (pickle_.call(ref).state || values.size() < 4 || values.size() > 5 ||
      pickle_.kind(values[3]) != PickleKind::text) {
    pickle_.fail(ref, "a numpy array with arguments that numpy does not give it");
  }
  NumpyArray array;
  array.type = type(values[1]);
  array.shape = shape(values[2]);
  if (values.size() == 5 && !pickle_.is_none(values[4])) {
    array.problem = "is a numpy array with its axes in an order of its own";
    return array;
  }
  const std::string_view order = pickle_.text(values[3]);
  if (order != "C" && order != "F") pickle_.fail(ref, "a numpy array of an unknown order");
  fit(ref, array, values[0]);
  if (array.problem.empty() && order == "F" && array.data.size != 0) array.strides = fortran_strides(array.shape);
  return array;
}

void NumpyValues::check_scalar(PickleRef ref) const {
  const Pickle::Call call = pickle_.call(ref);
  const auto values = pickle_.items(call.arguments);
  if (call.state || values.size() != 2) pickle_.fail(ref, "a numpy scalar that is not of a type and its bytes");
  const NumpyType kind = type(values[0]);
  if (kind.objects) pickle_.fail(ref, "a numpy scalar that is a Python object", Errc::unsupported);
  if (!kind.dtype) return;
  const auto found = data(values[1]);
  if (found && found->size != kind.bytes) {
    pickle_.fail(ref, fmt::format("a numpy scalar of {} bytes where its type needs {}", found->size, kind.bytes));
  }
}

}  // namespace transload::torch
