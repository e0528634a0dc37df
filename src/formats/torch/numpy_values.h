// numpy's arrays and scalars, as training loops leave them in checkpoints: described, not made.
// Source: numpy's array_reduce, array_reduce_ex_picklebuffer and array_setstate (multiarray/methods.c),
// arraydescr_reduce (multiarray/descriptor.c), _frombuffer (core/numeric.py).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/torch/globals.h"
#include "transload/dtype.h"
#include "wire/pickle.h"

namespace transload::torch {

struct NumpyType {
  std::optional<DType> dtype;  // none: strings, records, times, objects
  std::string text;            // "f4"
  std::uint8_t bytes = 0;      // of one element
  bool big = false;
  bool objects = false;  // references to Python's objects: such data is a pickle again
};

// Bytes that lie in the pickle.
struct Embedded {
  std::uint64_t position = 0, stored = 0;  // in the pickle
  std::uint64_t size = 0;                  // what they stand for
  bool latin1 = false;                     // written as text (wire/latin1.h)
};

struct NumpyArray {
  NumpyType type;
  Shape shape;
  std::vector<std::int64_t> strides;  // in elements; empty: C order
  Embedded data;
  std::string problem;  // why it cannot be carried; nothing else counts then
};

class NumpyValues {
 public:
  // `roles`: by reference, of globals and calls.
  NumpyValues(const wire::Pickle& pickle, std::span<const Role> roles) : pickle_(pickle), roles_(roles) {}

  // Of a call of numpy.dtype. Errc::corrupt for what numpy does not write.
  NumpyType type(wire::PickleRef ref) const;
  // Of a call of _reconstruct or _frombuffer with known parts. Errc::corrupt where they do not fit together.
  NumpyArray array(wire::PickleRef ref) const;
  // A call of scalar: refused where its data is not that of one element, Errc::unsupported for objects.
  void check_scalar(wire::PickleRef ref) const;

 private:
  bool is_call(wire::PickleRef ref, Role role) const;
  NumpyArray rebuilt(wire::PickleRef ref) const;
  NumpyArray from_buffer(wire::PickleRef ref) const;
  Shape shape(wire::PickleRef ref) const;
  // The bytes of an array or scalar; nothing where they are written in a way that no place in the file has.
  std::optional<Embedded> data(wire::PickleRef ref) const;
  void fit(wire::PickleRef ref, NumpyArray& array, wire::PickleRef bytes) const;

  const wire::Pickle& pickle_;
  std::span<const Role> roles_;
};

}  // namespace transload::torch
