#include "support/npy_array.h"

#include <array>

namespace transload::fuzz {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Type {
  std::string_view descr;
  std::size_t bytes;
};
constexpr std::array<Type, 32> kTypes{{{"'<f4'", 4},
                                       {"'>f4'", 4},
                                       {"'<f8'", 8},
                                       {"'>f8'", 8},
                                       {"'<f2'", 2},
                                       {"'|b1'", 1},
                                       {"'|u1'", 1},
                                       {"'|i1'", 1},
                                       {"'<u2'", 2},
                                       {"'>i2'", 2},
                                       {"'<i4'", 4},
                                       {"'>u4'", 4},
                                       {"'<i8'", 8},
                                       {"'>u8'", 8},
                                       {"'<c8'", 8},
                                       {"'>c16'", 16},
                                       {"'<U3'", 12},
                                       {"'>U2'", 8},
                                       {"'|S5'", 5},
                                       {"'|O'", 8},
                                       {"'|V4'", 4},
                                       {"'<M8[ns]'", 8},
                                       {"'=f4'", 4},
                                       {"'f4'", 4},
                                       {"'<f16'", 16},
                                       {"'<f3'", 3},
                                       {"''", 1},
                                       {"'<U0'", 0},
                                       {"'<f4294967296'", 8},
                                       {"[('bfloat16', '<u2')]", 2},
                                       {"[('a', '<f4'), ('b', '|i1')]", 5},
                                       {"[('x', [('y', '<i2')])]", 2}}};

Input array_of(std::size_t version, std::string_view header, std::string_view content) {
  Input out = input_of(kMagic);
  out.push_back(static_cast<std::uint8_t>(version));
  out.push_back(0);
  if (version == 1) {
    put_u16(out, header.size());
  } else {
    put_u32(out, header.size());
  }
  put_text(out, header);
  put_text(out, content);
  return out;
}

Input fresh_array(Random& random) {
  const Type& type = random.pick(kTypes);
  std::string shape;
  std::size_t size = type.bytes;
  const std::size_t rank = random.one_in(16) ? random.below(70) : random.below(4);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::uint64_t extent = random.one_in(16) ? odd_number(random) : random.below(5);
    shape += std::to_string(extent) + (random.one_in(32) ? "L" : "") + (i + 1 < rank || rank == 1 ? ", " : "");
    size = extent < 65536 ? size * extent : 0;
    if (size > 65536) size = 0;
  }
  std::array<std::string, 3> entries{"'descr': " + std::string(type.descr),
                                     "'fortran_order': " + std::string(random.one_in(2) ? "True" : "False"),
                                     "'shape': (" + shape + ")"};
  if (random.one_in(16)) std::swap(random.pick(entries), random.pick(entries));
  std::string header = "{";
  for (const std::string& entry : entries) header += entry + ", ";
  header += "}";
  if (!random.one_in(8)) header += std::string(random.below(64), ' ') + "\n";
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(random.bits() & (type.bytes > 8 ? 0x41 : 0xFF));
  return array_of(1 + random.below(3), header, content);
}

}  // namespace

Input mutated_array(std::string_view array, Random& random, std::size_t most) {
  if (!array.starts_with(kMagic) || array.size() < 12) return {};
  if (random.one_in(4)) return fresh_array(random);
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<std::uint8_t>(array[at])); };
  const std::size_t version = byte(6), begin = version == 1 ? 10 : 12;
  std::size_t length = byte(8) | byte(9) << 8;
  if (version != 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > array.size() - begin) return {};
  const std::string_view header = array.substr(begin, length), content = array.substr(begin + length);
  if (random.one_in(4)) return array_of(version, header, mutated(content, most));
  return array_of(random.one_in(8) ? random.below(5) : version, mutated(header, 8192), content);
}

}  // namespace transload::fuzz
