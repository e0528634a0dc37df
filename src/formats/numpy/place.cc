#include "formats/numpy/place.h"

#include <fmt/format.h>

#include "core/text.h"
#include "transload/error.h"

namespace transload::numpy {
namespace {

// The first dimension varies fastest.
std::vector<std::int64_t> fortran_strides(const Shape& shape) {
  std::vector<std::int64_t> strides;
  std::int64_t step = 1;
  for (const std::int64_t size : shape) {
    strides.push_back(step);
    step *= size;
  }
  return strides;
}

}  // namespace

Array read_array(std::uint64_t size, const Begin& begin, const std::string& file) {
  const Placed placed = read_header(size, begin, file);
  Array array{.element = element_called(placed.header.descr),
              .reason = {},
              .shape = placed.header.shape,
              .values = placed.values,
              .bytes = 0,
              .strides = {}};
  if (array.element.kind != Element::Kind::numbers) {
    array.reason = fmt::format("{} ('{}')", array.element.reason, shortened(placed.header.descr, 40));
    return array;
  }
  try {
    array.bytes = tensor_bytes(array.element.type, array.shape);
  } catch (Error& error) {
    error.in({.file = file, .offset = {}, .tensor = {}});
    throw;
  }
  if (array.bytes != size - array.values) {
    throw Error(Errc::corrupt,
                fmt::format("{} of shape {} take {} bytes, but {} follow the header", name(array.element.type),
                            to_string(array.shape), array.bytes, size - array.values),
                {.file = file, .offset = array.values, .tensor = {}},
                array.bytes > size - array.values ? "the file is truncated: download or copy it again" : "");
  }
  if (placed.header.fortran_order && array.shape.size() > 1 && array.bytes != 0) {
    array.strides = fortran_strides(array.shape);
  }
  return array;
}

}  // namespace transload::numpy
