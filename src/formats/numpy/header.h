// The header of an .npy file: a Python dict of three keys, as text.
// Source: numpy/lib/format.py (versions 1.0, 2.0, 3.0); MXNet 2.0, src/serialization/cnpy.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "transload/bytes.h"
#include "transload/dtype.h"

namespace transload::numpy {

inline constexpr std::string_view kMagic = "\x93NUMPY";
// Bounds of our own. NumPy's own readers stop at 10,000 bytes of header and 64 dimensions.
inline constexpr std::uint64_t kMaxHeader = 65'536;
inline constexpr std::size_t kMaxRank = 64;

struct Header {
  // "<f4"; "bfloat16" for the list [('bfloat16', '<u2')] by which MXNet names it; "[...]" for any other list.
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

// The text between the length and the values, which begins at byte `base` of `file` (for messages). Nothing of Python
// is evaluated: three keys, each once, a string or a list, True or False, a tuple of plain integers. Errc::corrupt for
// anything else.
Header parse_header(std::string_view text, const std::string& file, std::uint64_t base);

// Gives the first `size` bytes of a file's content.
using Begin = std::function<Bytes(std::uint64_t size)>;
// Where the values begin in a content of `size` bytes: magic, version and length are read. `file` is for messages.
struct Prelude {
  std::uint64_t text = 0, values = 0;  // where the header's text and the values begin
};
Prelude read_prelude(std::uint64_t size, const Begin& begin, const std::string& file);

// An array as it lies in a content.
struct Placed {
  Header header;
  std::uint64_t values = 0;  // where they begin
};
Placed read_header(std::uint64_t size, const Begin& begin, const std::string& file);

}  // namespace transload::numpy
