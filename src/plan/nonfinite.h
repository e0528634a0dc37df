// NaN, infinity, and values where zeros are promised: noticing them, and finding out where they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "transload/format.h"

namespace transload {

// Whether an element of `bytes`, whole elements of `type`, is NaN or infinite. Meant for every byte of a conversion:
// it takes a fraction of the time of a copy. False for types other than f16, bf16, f32 and f64.
bool any_nonfinite(DType type, ByteView bytes) noexcept;

// One element of a tensor of a floating-point type.
struct Element {
  Shape index;
  double value = 0;
};
std::string to_text(const Element& element);  // "-inf at [0, 2]"

// The functions below read a whole tensor, in C order: for when something is known to be there.

// The first element that is NaN or infinite.
std::optional<Element> first_nonfinite(const Reader& reader, const TensorInfo& tensor);

// The first element that is not zero (nor -0).
std::optional<Element> first_nonzero(const Reader& reader, const TensorInfo& tensor);

// The finite elements that are infinite as `to`.
struct Overflow {
  std::uint64_t count = 0;
  Element first;  // if there is any
};
Overflow overflow_of(const Reader& reader, const TensorInfo& tensor, DType to);
// "1e+05 at [0, 2] is too large for float16 and becomes infinite, as do 3 more values".
std::string to_text(const Overflow& overflow, DType to);

}  // namespace transload
