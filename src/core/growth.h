// How much more than a file its decoded content may be, before it is taken for an attack on memory or disk.
#pragma once

#include <cstdint>

namespace transload {

inline constexpr std::uint64_t kMostGrowth = 200;                       // times the size of the file
inline constexpr std::uint64_t kAlwaysFine = std::uint64_t{256} << 20;  // bytes: arrays of zeros deflate 1000 to 1

constexpr bool grows_too_much(std::uint64_t decoded, std::uint64_t file) noexcept {
  return decoded > kAlwaysFine && decoded / kMostGrowth > file;
}

}  // namespace transload
