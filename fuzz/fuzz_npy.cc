// An .npy file from any bytes, and the text of its header alone: an Error, or a reader whose every tensor can be read.
#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/numpy/header.h"
#include "formats/numpy/numpy.h"
#include "one_file_store.h"
#include "transload/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  try {
    fuzz::read_all(numpy::npy_format(), bytes);
  } catch (const Error&) {
  }
  try {
    constexpr std::size_t kPrelude = 10;  // a seed's header begins here
    if (size > kPrelude) numpy::parse_header(as_text(bytes.subspan(kPrelude)), "x", kPrelude);
  } catch (const Error&) {
  }
  return 0;
}
