// What follows an opcode, read as CPython reads it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "scan/window.h"
#include "wire/pickle_opcodes.h"

namespace transload::scanning {

inline constexpr std::uint64_t kMostName = std::uint64_t{1} << 10;  // bytes of a name that are kept
inline constexpr std::uint64_t kMostLine = std::uint64_t{8} << 10;  // of another line

// CPython would stop here.
struct Stop {
  std::string why;
};

struct Argument {
  std::uint64_t number = 0;            // an integer, sign-extended, or a length
  std::uint64_t offset = 0, size = 0;  // of bytes, which are skipped, or of a line
  std::string first, second;           // lines
  bool long_name = false;              // one of two lines was cut
};

// Throws Stop where the argument is not there, or is no argument.
Argument read_argument(Window& in, wire::PickleArgument kind);

// Slots beyond 2^62, which only an unpickler written in Python takes, by their digits; each stands for a number above.
using LargeSlots = std::map<std::string, std::uint64_t, std::less<>>;
inline constexpr std::size_t kMostLargeSlots = 10'000;  // more of them are all one

// A slot of the memo, as PyLong_FromString() reads it: blanks around it, a sign, zeros in front, single underscores
// between digits; a NUL ends it.
std::uint64_t slot_of(std::string_view line, LargeSlots& large);

// An integer as text, or as bytes with a sign; nullopt where it is none of at most 64 bits. "L" may follow the text.
std::optional<std::int64_t> decimal(std::string_view line);
std::optional<std::int64_t> little_signed(std::string_view bytes);

}  // namespace transload::scanning
