#include "plan/disjoint.h"

#include <algorithm>
#include <vector>

#include "transload/error.h"

namespace transload {
namespace {

constexpr std::uint64_t kMostBits = std::uint64_t{1} << 32;

[[noreturn]] void fail(const Slot& slot, Errc code, std::string_view message) {
  throw Error(code, message, {.file = {}, .offset = {}, .tensor = slot.name});
}

struct Span {
  std::int64_t first, last;  // elements of the slot
};

// Each step of an axis leaps over all that the axes inside it reach.
bool writes_once(std::vector<Axis> axes) {
  std::erase_if(axes, [](const Axis& axis) { return axis.extent == 1; });
  std::ranges::sort(axes, {}, &Axis::to);
  std::int64_t reach = 0;
  for (const Axis& axis : axes) {
    if (axis.to <= reach) return false;
    reach += (axis.extent - 1) * axis.to;
  }
  return true;
}

Span span_of(const Piece& piece) {
  std::int64_t last = piece.to_offset;
  for (const Axis& axis : piece.axes) last += (axis.extent - 1) * axis.to;
  return {piece.to_offset, last};
}

bool follow_each_other(const std::vector<const Piece*>& pieces) {
  std::vector<Span> spans;
  for (const Piece* piece : pieces) {
    if (!writes_once(piece->axes)) return false;
    spans.push_back(span_of(*piece));
  }
  std::ranges::sort(spans, {}, &Span::first);
  return std::ranges::adjacent_find(spans, [](const Span& a, const Span& b) { return b.first <= a.last; }) ==
         spans.end();
}

// Every element that a piece writes, one after the other.
template <class Each>
void for_each_element(const Piece& piece, const Each& each) {
  std::vector<std::int64_t> at(piece.axes.size());
  std::int64_t element = piece.to_offset;
  while (true) {
    each(static_cast<std::uint64_t>(element));
    std::size_t axis = piece.axes.size();
    while (axis-- > 0) {
      element += piece.axes[axis].to;
      if (++at[axis] < piece.axes[axis].extent) break;
      element -= piece.axes[axis].to * piece.axes[axis].extent;
      at[axis] = 0;
    }
    if (axis > piece.axes.size()) return;  // all of them began again
  }
}

}  // namespace

void check_disjoint(const Slot& slot) {
  std::vector<const Piece*> pieces;
  for (const Piece& piece : slot.pieces) {
    if (std::ranges::none_of(piece.axes, [](const Axis& axis) { return axis.extent == 0; })) pieces.push_back(&piece);
  }
  if (follow_each_other(pieces)) return;
  const std::uint64_t elements = element_count(slot.shape);
  if (elements > kMostBits) fail(slot, Errc::unsupported, "the plan's pieces interleave in too large a tensor");
  std::vector<bool> written(elements);
  for (const Piece* piece : pieces) {
    for_each_element(*piece, [&](std::uint64_t element) {
      if (written[element]) fail(slot, Errc::mismatch, "the plan writes an element twice");
      written[element] = true;
    });
  }
}

}  // namespace transload
