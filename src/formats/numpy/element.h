// What NumPy calls element types in its files.
// Source: numpy/lib/format.py, and the "array interface" pages of its manual (typestr).
#pragma once

#include <cstdint>
#include <string_view>

#include "transload/dtype.h"

namespace transload::numpy {

struct Element {
  enum class Kind : std::uint8_t {
    numbers,  // `type` and `swap` say which
    object,   // pickled Python objects
    other,    // known and not carried, or not known at all
  } kind = Kind::other;
  DType type = DType::f32;
  std::uint8_t swap = 0;         // width of big-endian units; 0: little endian
  std::string_view reason = {};  // why they are no numbers: "holds text"
};

// "<f4", "|b1", ">c16", and "bfloat16" for MXNet's [('bfloat16', '<u2')].
Element element_called(std::string_view descr) noexcept;

}  // namespace transload::numpy
