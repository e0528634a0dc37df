// An .npz archive from any bytes: an Error, or a reader whose every tensor can be read.
#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/numpy/numpy.h"
#include "one_file_store.h"
#include "transload/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  try {
    fuzz::read_all(numpy::npz_format(), std::as_bytes(std::span(data, size)));
  } catch (const Error&) {
  }
  return 0;
}
