#include "formats/tensor_bundle/slice.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <set>

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

std::size_t most_divided_axis(const std::vector<Chunk>& boxes, std::size_t rank) {
  std::size_t best = 0, most = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::set<std::int64_t> starts;
    for (const Chunk& box : boxes) starts.insert(box.start[axis]);
    if (starts.size() > most) most = starts.size(), best = axis;
  }
  return best;
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
  // As many elements as there are: disjoint boxes cover all. A sweep along one axis compares each box with those that
  // have begun and not ended there.
  const std::size_t axis = most_divided_axis(boxes, shape.size());
  std::vector<const Chunk*> order;
  for (const Chunk& box : boxes) {
    if (element_count(box.extent) != 0) order.push_back(&box);
  }
  std::ranges::sort(order, {}, [&](const Chunk* box) { return box->start[axis]; });
  std::multimap<std::int64_t, const Chunk*> open;  // by where they end
  for (const Chunk* box : order) {
    open.erase(open.begin(), open.upper_bound(box->start[axis]));
    for (const auto& [end, other] : open) {
      if (overlap(*box, *other)) throw Error(Errc::corrupt, "two slices of this tensor overlap");
    }
    open.emplace(box->start[axis] + box->extent[axis], box);
  }
}

}  // namespace transload::tensor_bundle
