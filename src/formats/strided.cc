#include "formats/strided.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>

#include "transload/error.h"

namespace transload {
namespace {

constexpr std::int64_t kTile = 16;                       // elements each way: 64 bytes of float32
constexpr std::uint64_t kSpan = std::uint64_t{1} << 20;  // bytes that one read with gaps may take
constexpr std::uint64_t kRun = 4096;                     // runs of this many bytes are worth a read of their own

// Calls `body(from, to)` with the offsets of every coordinate of axes[0, count).
template <class Body>
void for_each(std::span<const Axis> axes, const Body& body) {
  std::vector<std::int64_t> at(axes.size(), 0);
  std::int64_t from = 0, to = 0;
  while (true) {
    body(from, to);
    std::size_t i = axes.size();
    while (i > 0) {
      --i;
      from += axes[i].from;
      to += axes[i].to;
      if (++at[i] < axes[i].extent) break;
      from -= at[i] * axes[i].from;
      to -= at[i] * axes[i].to;
      at[i] = 0;
      if (i == 0) return;
    }
    if (axes.empty()) return;
  }
}

template <class T>
void copy_tile(std::int64_t rows, std::int64_t columns, const T* from, std::int64_t from_stride, T* to,
               std::int64_t to_stride) {
  std::array<std::array<T, kTile>, kTile> tile;
  if (rows == kTile && columns == kTile) {
    for (std::size_t c = 0; c < kTile; ++c) {
      for (std::size_t r = 0; r < kTile; ++r)
        tile[r][c] = from[static_cast<std::int64_t>(c) * from_stride + static_cast<std::int64_t>(r)];
    }
    for (std::size_t r = 0; r < kTile; ++r)
      std::memcpy(to + static_cast<std::int64_t>(r) * to_stride, tile[r].data(), sizeof(tile[r]));
    return;
  }
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::int64_t r = 0; r < rows; ++r) to[r * to_stride + c] = from[c * from_stride + r];
  }
}

// to[r * to_stride + c] = from[c * from_stride + r], through tiles that hold whole cache lines on both sides.
template <class T>
void transpose(std::int64_t rows, std::int64_t columns, const T* from, std::int64_t from_stride, T* to,
               std::int64_t to_stride) {
  for (std::int64_t r = 0; r < rows; r += kTile) {
    for (std::int64_t c = 0; c < columns; c += kTile) {
      copy_tile(std::min(kTile, rows - r), std::min(kTile, columns - c), from + c * from_stride + r, from_stride,
                to + r * to_stride + c, to_stride);
    }
  }
}

template <class T>
void copy_elements(std::vector<Axis> axes, const T* from, T* to) {
  if (axes.empty()) {
    *to = *from;
    return;
  }
  const Axis inner = axes.back();  // the one with the smallest `to`
  axes.pop_back();
  if (inner.to == 1 && inner.from == 1) {
    for_each(axes, [&](std::int64_t f, std::int64_t t) {
      std::memcpy(to + t, from + f, static_cast<std::size_t>(inner.extent) * sizeof(T));
    });
    return;
  }
  const auto unit = std::ranges::find(axes, 1, &Axis::from);
  if (inner.to == 1 && unit != axes.end()) {
    const Axis row = *unit;
    axes.erase(unit);
    for_each(axes, [&](std::int64_t f, std::int64_t t) {
      transpose(row.extent, inner.extent, from + f, inner.from, to + t, row.to);
    });
    return;
  }
  for_each(axes, [&](std::int64_t f, std::int64_t t) {
    for (std::int64_t i = 0; i < inner.extent; ++i) to[t + i * inner.to] = from[f + i * inner.from];
  });
}

using Element16 = std::array<std::uint64_t, 2>;

// Elements from the first coordinate to the last, both included.
std::uint64_t span_of(std::span<const Axis> axes) {
  std::int64_t last = 0;
  for (const Axis& axis : axes) last += (axis.extent - 1) * axis.from;
  return static_cast<std::uint64_t>(last) + 1;
}

bool holds_nothing(std::span<const Axis> axes) {
  return std::ranges::any_of(axes, [](const Axis& axis) { return axis.extent == 0; });
}

// Reads boxes of a storage, without the gaps between their elements, into memory.
class Packer {
 public:
  Packer(const Reader& reader, std::uint32_t storage, std::uint64_t width)
      : reader_(reader), storage_(storage), width_(width) {}

  // `axes` are sorted by descending `from`; their `to` are dense in that order.
  void pack(std::span<const Axis> axes, std::uint64_t offset, std::byte* to) {
    const std::uint64_t run = run_of(axes);
    if (axes.empty() || run == count_of(axes)) {
      reader_.read(storage_, offset, {to, run * width_});
      return;
    }
    const Axis& outer = axes.front();
    const std::span<const Axis> inner = axes.subspan(1);
    const std::uint64_t step = static_cast<std::uint64_t>(outer.from) * width_;
    const std::uint64_t inner_span = span_of(inner) * width_;
    const bool gaps_are_small = step < 2 * run * width_ || run * width_ < kRun;
    if (inner_span > kSpan || !gaps_are_small) {
      for (std::int64_t i = 0; i < outer.extent; ++i) {
        pack(inner, offset + static_cast<std::uint64_t>(i) * step,
             to + static_cast<std::size_t>(i * outer.to) * width_);
      }
      return;
    }
    const auto together = static_cast<std::int64_t>((kSpan - inner_span) / step + 1);
    for (std::int64_t i = 0; i < outer.extent; i += together) {
      std::vector<Axis> part(axes.begin(), axes.end());
      part.front().extent = std::min(together, outer.extent - i);
      span_.resize(span_of(part) * width_);
      reader_.read(storage_, offset + static_cast<std::uint64_t>(i) * step, span_);
      strided_copy(part, width_, span_.data(), to + static_cast<std::size_t>(i * outer.to) * width_);
    }
  }

 private:
  static std::uint64_t count_of(std::span<const Axis> axes) {
    std::uint64_t count = 1;
    for (const Axis& axis : axes) count *= static_cast<std::uint64_t>(axis.extent);
    return count;
  }
  // Elements that lie next to each other in the storage.
  static std::uint64_t run_of(std::span<const Axis> axes) {
    std::uint64_t run = 1;
    for (std::size_t i = axes.size(); i-- > 0;) {
      if (static_cast<std::uint64_t>(axes[i].from) != run) break;
      run *= static_cast<std::uint64_t>(axes[i].extent);
    }
    return run;
  }

  const Reader& reader_;
  std::uint32_t storage_;
  std::uint64_t width_;
  std::vector<std::byte> span_;
};

}  // namespace

void coalesce(std::vector<Axis>& axes) {
  std::erase_if(axes, [](const Axis& axis) { return axis.extent == 1; });
  std::ranges::stable_sort(axes, std::greater(), &Axis::to);
  std::vector<Axis> joined;
  for (const Axis& axis : axes) {
    if (!joined.empty() && joined.back().from == axis.from * axis.extent && joined.back().to == axis.to * axis.extent) {
      joined.back() = {joined.back().extent * axis.extent, axis.from, axis.to};
    } else {
      joined.push_back(axis);
    }
  }
  axes = std::move(joined);
}

void strided_copy(std::vector<Axis> axes, std::uint64_t width, const std::byte* from, std::byte* to) {
  if (holds_nothing(axes)) return;
  coalesce(axes);
  const auto copy = [&]<class T>(T) {
    copy_elements(std::move(axes), reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to));
  };
  switch (width) {
    case 1: return copy(std::uint8_t{});
    case 2: return copy(std::uint16_t{});
    case 4: return copy(std::uint32_t{});
    case 8: return copy(std::uint64_t{});
    case 16: return copy(Element16{});
    default: throw Error(Errc::usage, "elements are of 1, 2, 4, 8 or 16 bytes");
  }
}

void gather(const Reader& reader, const Move& move, std::uint64_t width, std::byte* target) {
  std::vector<Axis> axes = move.axes;
  if (holds_nothing(axes)) return;
  coalesce(axes);
  std::byte* to = target + static_cast<std::size_t>(move.to_offset) * width;
  if (axes.empty() || (axes.size() == 1 && axes.front().from == 1 && axes.front().to == 1)) {
    const std::uint64_t count = axes.empty() ? 1 : static_cast<std::uint64_t>(axes.front().extent);
    reader.read(move.storage, move.offset, {to, count * width});
    return;
  }
  // The wanted elements, once each and in stored order, then from there to their places.
  std::vector<Axis> stored;
  for (const Axis& axis : axes) {
    if (axis.from != 0) stored.push_back({axis.extent, axis.from, 0});
  }
  std::ranges::stable_sort(stored, std::greater(), &Axis::from);
  std::int64_t dense = 1;
  for (std::size_t i = stored.size(); i-- > 0;) {
    stored[i].to = dense;
    dense *= stored[i].extent;
  }
  const auto packed = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(dense) * width);
  Packer(reader, move.storage, width).pack(stored, move.offset, packed.get());
  // The k-th axis of a given stored stride is the k-th packed one of that stride: the sort is stable.
  std::vector<bool> used(stored.size(), false);
  for (Axis& axis : axes) {
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if (used[i] || axis.from == 0 || stored[i].from != axis.from || stored[i].extent != axis.extent) continue;
      used[i] = true;
      axis.from = stored[i].to;
      break;
    }
  }
  strided_copy(std::move(axes), width, packed.get(), to);
}

}  // namespace transload
