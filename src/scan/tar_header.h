// Headers of tar archives as Python's tarfile takes them, which is far more than any writer makes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace transload::scanning {

inline constexpr std::uint64_t kTarBlock = 512;

// A field of digits, or of bytes of a number (source: nti() of tarfile.py in CPython 3.11, which gives digits to
// int(text, 8)). nullopt: tarfile refuses it. Numbers beyond 63 bits are cut to the largest.
struct TarNumber {
  std::uint64_t value = 0;
  bool negative = false;
  bool plain = true;  // octal digits between blanks and NULs; or bytes, where the digits would not have sufficed
};
std::optional<TarNumber> tar_number(std::string_view field);

// Whether the checksum of a header of 512 bytes holds, of its bytes with or without their signs.
struct TarSum {
  bool right = false;
  bool plain = true;
};
TarSum tar_sum(std::string_view header);

}  // namespace transload::scanning
