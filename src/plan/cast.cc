#include "plan/cast.h"

#include <fmt/format.h>

#include <cstring>

#include "core/small_float.h"
#include "transload/error.h"

namespace transload {
namespace {

template <class T>
struct Native {
  using Bits = T;
  static double widen(T value) { return value; }
  static T narrow(double value) { return static_cast<T>(value); }
};

using Half = Float16;
using Brain = BFloat16;
using Single = Native<float>;
using Double = Native<double>;

template <class To>
bool infinite(typename To::Bits bits) {
  if constexpr (std::is_integral_v<typename To::Bits>) {
    return (bits & 0x7FFFu) == To::kInfinity;
  } else {
    return __builtin_isinf(bits) != 0;
  }
}

template <class From, class To>
std::uint64_t convert(ByteView in, MutableByteView out) {
  std::uint64_t overflows = 0;
  const std::size_t count = in.size() / sizeof(typename From::Bits);
  for (std::size_t i = 0; i < count; ++i) {
    typename From::Bits source;
    std::memcpy(&source, in.data() + i * sizeof(source), sizeof(source));
    const double wide = From::widen(source);
    const typename To::Bits target = To::narrow(wide);
    overflows += infinite<To>(target) && !__builtin_isinf(wide) ? 1 : 0;
    std::memcpy(out.data() + i * sizeof(target), &target, sizeof(target));
  }
  return overflows;
}

template <class From>
std::uint64_t convert_from(DType to, ByteView in, MutableByteView out) {
  switch (to) {
    case DType::f16: return convert<From, Half>(in, out);
    case DType::bf16: return convert<From, Brain>(in, out);
    case DType::f32: return convert<From, Single>(in, out);
    default: return convert<From, Double>(in, out);
  }
}

}  // namespace

std::uint64_t cast(DType from, DType to, ByteView in, MutableByteView out) {
  if (!is_float(from) || !is_float(to)) {
    throw Error(Errc::usage, fmt::format("{} cannot be converted to {}", name(from), name(to)));
  }
  if (in.size() / element_bytes(from) != out.size() / element_bytes(to)) {
    throw Error(Errc::usage, "a cast needs as many elements in its target as in its source");
  }
  if (from == to) {
    std::memcpy(out.data(), in.data(), in.size());
    return 0;
  }
  switch (from) {
    case DType::f16: return convert_from<Half>(to, in, out);
    case DType::bf16: return convert_from<Brain>(to, in, out);
    case DType::f32: return convert_from<Single>(to, in, out);
    default: return convert_from<Double>(to, in, out);
  }
}

}  // namespace transload
