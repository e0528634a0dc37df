// An array of an .npy content, as an index describes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/numpy/element.h"
#include "formats/numpy/header.h"

namespace transload::numpy {

struct Array {
  Element element;
  std::string reason;  // why the values are no numbers: "holds text ('<U3')"
  Shape shape;
  std::uint64_t values = 0;           // where they begin in the content
  std::uint64_t bytes = 0;            // their number: all that is left of the content; 0 where they are no numbers
  std::vector<std::int64_t> strides;  // in elements; empty: C order
};

// An .npy content of `size` bytes. Errc::corrupt when the values are fewer or more than the shape says. Values that
// are no numbers are not measured.
Array read_array(std::uint64_t size, const Begin& begin, const std::string& file);

}  // namespace transload::numpy
