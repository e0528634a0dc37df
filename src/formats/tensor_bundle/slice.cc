#include "formats/tensor_bundle/slice.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <span>
#include <vector>

#include "transload/error.h"

namespace transload::tensor_bundle {
namespace {

// WriteNumIncreasing: the number of bytes, then the number without leading zeros, most significant byte first. The
// numbers here are ranks, of one byte.
void append_rank(std::string& out, std::size_t rank) {
  out += static_cast<char>(rank == 0 ? 0 : 1);
  if (rank != 0) out += static_cast<char>(rank);
}

// WriteString: zero and 255 are escaped, and an end mark sorts before everything.
void append_string(std::string& out, std::string_view text) {
  for (const char byte : text) {
    out += byte;
    if (byte == '\0') out += '\xff';
    if (byte == '\xff') out += '\0';
  }
  out.append("\0\1", 2);
}

// WriteSignedNumIncreasing: as many leading one bits as bytes, then the number in big-endian two's complement in
// what is left; negative numbers have their leading bits inverted.
void append_signed(std::string& out, std::int64_t value) {
  const auto magnitude = static_cast<std::uint64_t>(value < 0 ? ~value : value);
  const auto length = static_cast<std::size_t>(std::bit_width(magnitude)) / 7 + 1;
  std::string bytes(10, value < 0 ? '\xff' : '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[9 - i] = static_cast<char>(value >> (8 * i));
  std::string tail = bytes.substr(10 - length);
  const unsigned header = 0xFFFF0000U >> length;  // `length` one bits, from the top of 16
  tail[0] = static_cast<char>(tail[0] ^ static_cast<char>(header >> 8));
  if (length > 1) tail[1] = static_cast<char>(tail[1] ^ static_cast<char>(header));
  out += tail;
}

bool overlap(const Chunk& a, const Chunk& b) {
  for (std::size_t i = 0; i < a.start.size(); ++i) {
    if (a.start[i] + a.extent[i] <= b.start[i] || b.start[i] + b.extent[i] <= a.start[i]) return false;
  }
  return true;
}

using Boxes = std::span<const Chunk*>;

// Parts `boxes` along `axis` wherever a straight cut through all of the tensor meets none of them.
std::vector<Boxes> parted(Boxes boxes, std::size_t axis) {
  std::ranges::sort(boxes, {}, [axis](const Chunk* box) { return box->start[axis]; });
  std::vector<Boxes> parts;
  std::size_t begin = 0;
  std::int64_t reach = 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (i != begin && boxes[i]->start[axis] >= reach) {
      parts.push_back(boxes.subspan(begin, i - begin));
      begin = i;
    }
    reach = i == begin ? boxes[i]->start[axis] + boxes[i]->extent[axis]
                       : std::max(reach, boxes[i]->start[axis] + boxes[i]->extent[axis]);
  }
  parts.push_back(boxes.subspan(begin));
  return parts;
}

// What writers make is parted by one or two rounds of cuts; the limits keep what they do not make from taking long.
constexpr int kMostRounds = 64;
constexpr std::size_t kMostUnparted = 256;

void check_disjoint(Boxes all, std::size_t rank) {
  struct Group {
    Boxes boxes;
    int round;
  };
  std::vector<Group> groups{{all, 0}};
  while (!groups.empty()) {
    const auto [boxes, round] = groups.back();
    groups.pop_back();
    std::vector<Boxes> parts;
    for (std::size_t axis = 0; axis < rank && parts.size() < 2; ++axis) parts = parted(boxes, axis);
    if (parts.size() < 2) {
      for (std::size_t i = 0; i < std::min(boxes.size(), kMostUnparted); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
          if (overlap(*boxes[i], *boxes[k])) throw Error(Errc::corrupt, "two slices of this tensor overlap");
        }
      }
    }
    if (round == kMostRounds || (parts.size() < 2 && boxes.size() > kMostUnparted)) {
      throw Error(Errc::unsupported, "its slices overlap, or lie in a pattern that no writer makes");
    }
    if (parts.size() < 2) continue;
    for (const Boxes part : parts) {
      if (part.size() > 1) groups.push_back({part, round + 1});
    }
  }
}

}  // namespace

std::string slice_key(std::string_view name, const Slice& slice) {
  std::string key(1, '\0');
  append_string(key, name);
  append_rank(key, slice.size());
  for (const SliceExtent& extent : slice) {
    append_signed(key, extent.start);
    append_signed(key, extent.length);
  }
  return key;
}

Chunk slice_box(const Slice& slice, const Shape& shape) {
  if (slice.size() != shape.size()) {
    throw Error(Errc::corrupt, fmt::format("a slice of rank {} of shape {}", slice.size(), to_string(shape)));
  }
  Chunk box;
  for (std::size_t i = 0; i < slice.size(); ++i) {
    const std::int64_t start = slice[i].start;
    const std::int64_t length = slice[i].length < 0 ? shape[i] : slice[i].length;
    if (start > shape[i] || length > shape[i] - start) {
      throw Error(Errc::corrupt, fmt::format("a slice with {} of {} from index {} on, in a dimension of {}", length,
                                             to_string(shape), start, shape[i]));
    }
    box.start.push_back(start);
    box.extent.push_back(length);
  }
  return box;
}

void check_cover(const std::vector<Chunk>& boxes, const Shape& shape) {
  const std::uint64_t wanted = element_count(shape);
  std::uint64_t covered = 0;
  for (const Chunk& box : boxes) {
    if (__builtin_add_overflow(covered, element_count(box.extent), &covered)) covered = wanted + 1;
  }
  if (covered != wanted) {
    throw Error(Errc::corrupt,
                fmt::format("the slices hold {} elements, but shape {} has {}", covered, to_string(shape), wanted));
  }
  if (wanted == 0 || shape.empty()) return;  // a scalar's single slice
  // As many elements as there are: disjoint boxes cover all.
  std::vector<const Chunk*> filled;
  for (const Chunk& box : boxes) {
    if (element_count(box.extent) != 0) filled.push_back(&box);
  }
  check_disjoint(filled, shape.size());
}

}  // namespace transload::tensor_bundle
