// The output of a plan as a checkpoint, made on demand.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "formats/strided.h"
#include "plan/cast.h"
#include "plan/disjoint.h"
#include "plan/nonfinite.h"
#include "transload/error.h"
#include "transload/plan.h"

namespace transload {
namespace {

// One Move of a piece, ready to be carried out.
struct Step {
  const Reader* source = nullptr;
  const std::string* tensor = nullptr;  // for messages
  DType from = DType::f32;
  Move move;
};

[[noreturn]] void fail(const std::string& tensor, std::string_view message) {
  throw Error(Errc::mismatch, message, {.file = {}, .offset = {}, .tensor = tensor});
}

std::uint64_t count_of(const std::vector<Axis>& axes) {
  Shape extents;
  for (const Axis& axis : axes) extents.push_back(axis.extent);
  return element_count(extents);
}

// The last element that `axes` reach on one side, from `offset`; checked against the number that are there.
void check_reach(const std::string& tensor, const std::vector<Axis>& axes, std::int64_t Axis::*stride,
                 std::int64_t offset, std::uint64_t elements) {
  std::int64_t last = offset;
  for (const Axis& axis : axes) {
    std::int64_t step = 0;
    if (axis.*stride < 0 || __builtin_mul_overflow(axis.extent - 1, axis.*stride, &step) ||
        __builtin_add_overflow(last, step, &last)) {
      fail(tensor, "the plan's strides overflow");
    }
  }
  if (offset < 0 || static_cast<std::uint64_t>(last) >= elements) {
    fail(tensor, fmt::format("the plan reaches element {} of {}", last, elements));
  }
}

// Cuts a Move to the elements of the target in [begin, end), which its `to` counts. Axes are sorted by descending
// `to` and do not overlap in the target, so at most two coordinates of each axis are cut.
class Cutter {
 public:
  Cutter(std::int64_t begin, std::int64_t end, std::uint64_t width, std::vector<Move>& parts)
      : begin_(begin), end_(end), width_(width), parts_(parts) {}

  void cut(const Move& move) {
    std::int64_t reach = 0;
    for (const Axis& axis : move.axes) reach += (axis.extent - 1) * axis.to;
    if (move.to_offset >= end_ || move.to_offset + reach < begin_) return;
    if (move.axes.empty() || (move.to_offset >= begin_ && move.to_offset + reach < end_)) {
      parts_.push_back(move);
      return;
    }
    const Axis outer = move.axes.front();
    const std::int64_t inner = reach - (outer.extent - 1) * outer.to;
    if (outer.to == 0) fail("", "the plan writes an element twice");
    const auto floor = [&](std::int64_t n) { return n < 0 ? -1 : n / outer.to; };
    // Coordinates [low, high) touch the range; those in [whole, until) lie in it wholly.
    const std::int64_t low = std::clamp<std::int64_t>(floor(begin_ - move.to_offset - inner - 1) + 1, 0, outer.extent);
    const std::int64_t high = std::clamp<std::int64_t>(floor(end_ - 1 - move.to_offset) + 1, low, outer.extent);
    const std::int64_t whole = std::clamp<std::int64_t>(floor(begin_ - move.to_offset - 1) + 1, low, high);
    const std::int64_t until = std::clamp<std::int64_t>(floor(end_ - 1 - inner - move.to_offset) + 1, whole, high);
    for (std::int64_t c = low; c < whole; ++c) cut(at(move, c, 1));
    if (whole < until) parts_.push_back(at(move, whole, until - whole));
    for (std::int64_t c = until; c < high; ++c) cut(at(move, c, 1));
  }

 private:
  Move at(const Move& move, std::int64_t coordinate, std::int64_t extent) const {
    Move part = move;
    part.offset += static_cast<std::uint64_t>(coordinate * move.axes.front().from) * width_;
    part.to_offset += coordinate * move.axes.front().to;
    part.axes.front().extent = extent;
    if (extent == 1) part.axes.erase(part.axes.begin());
    return part;
  }

  std::int64_t begin_, end_;
  std::uint64_t width_;
  std::vector<Move>& parts_;
};

class PlanView final : public Reader {
 public:
  PlanView(const Plan& plan, std::vector<std::shared_ptr<const Reader>> sources)
      : plan_(plan), sources_(std::move(sources)) {
    if (sources_.size() != plan_.sources.size()) throw Error(Errc::usage, "a plan needs all of its sources");
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (digest(sources_[i]->index()) != plan_.sources[i].digest) {
        throw Error(Errc::mismatch, "is not the checkpoint that the plan was made for",
                    {.file = plan_.sources[i].path, .offset = {}, .tensor = {}}, "make the plan again");
      }
    }
    index_.format = "plan";
    index_.files = {"plan"};
    for (const Slot& slot : plan_.slots) add(slot);
    index_.seal();
  }

  const Index& index() const noexcept override { return index_; }

  Bytes view(std::uint32_t storage) const override {
    std::vector<std::byte> bytes(index_.storages.at(storage).size);
    read(storage, 0, bytes);
    return Bytes(std::move(bytes));
  }

  void read(std::uint32_t storage, std::uint64_t offset, MutableByteView out) const override {
    const Slot& slot = plan_.slots.at(storage);
    const std::uint64_t size = index_.storages[storage].size;
    if (offset > size || out.size() > size - offset) throw Error(Errc::usage, "read outside of a slot");
    if (out.empty()) return;
    if (bytewise_[storage]) {
      const Step& step = steps_[storage].front();
      step.source->read(step.move.storage, step.move.offset + offset, out);
      return;
    }
    const std::uint64_t width = element_bytes(slot.dtype);
    const std::uint64_t begin = offset / width, end = (offset + out.size() + width - 1) / width;
    const bool whole_elements =
        offset % width == 0 && out.size() % width == 0 && reinterpret_cast<std::uintptr_t>(out.data()) % width == 0;
    if (whole_elements) {
      fill(storage, begin, end, out);
      return;
    }
    std::vector<std::byte> elements((end - begin) * width);
    fill(storage, begin, end, elements);
    std::memcpy(out.data(), elements.data() + (offset - begin * width), out.size());
  }

 private:
  void add(const Slot& slot) {
    const auto id = static_cast<std::uint32_t>(index_.storages.size());
    Storage storage;
    storage.size = tensor_bytes(slot.dtype, slot.shape);
    index_.storages.push_back(storage);
    index_.tensors.push_back({slot.name, slot.dtype, slot.shape, {{{}, {}, id, 0, {}}}});
    const std::uint64_t elements = element_count(slot.shape);
    std::vector<Step> steps;
    std::uint64_t filled = 0;
    for (const Piece& piece : slot.pieces) {
      const std::uint64_t count = count_of(piece.axes);
      if (__builtin_add_overflow(filled, count, &filled)) fail(slot.name, "the plan's sizes overflow");
      if (count > 0) check_reach(slot.name, piece.axes, &Axis::to, piece.to_offset, elements);
      if (count > 0 && piece.op != Op::zeros) add(slot, piece, steps);
    }
    if (filled != elements) fail(slot.name, fmt::format("the plan fills {} of {} elements", filled, elements));
    check_disjoint(slot);
    bytewise_.push_back(info(slot.dtype).bits % 8 != 0);
    if (bytewise_.back() && elements > 0 && !copied_whole(slot, elements)) {
      fail(slot.name, "a packed tensor can only be copied whole");
    }
    steps_.push_back(std::move(steps));
  }

  void add(const Slot& slot, const Piece& piece, std::vector<Step>& steps) {
    if (piece.source >= sources_.size()) fail(slot.name, "the plan names a source that it does not have");
    const Reader& source = *sources_[piece.source];
    const TensorInfo* tensor = source.index().find(piece.tensor);
    if (tensor == nullptr) fail(piece.tensor, "the plan needs this tensor, and it is not in the source");
    if (tensor->dtype != slot.dtype && piece.op != Op::cast) {
      fail(piece.tensor, fmt::format("is {}, and the plan copies it to {}", name(tensor->dtype), name(slot.dtype)));
    }
    const auto emit = [&](std::int64_t from_offset, const std::vector<Axis>& axes, std::int64_t to_offset) {
      check_reach(piece.tensor, axes, &Axis::from, from_offset, element_count(tensor->shape));
      for (Move& move : resolve(*tensor, from_offset, axes, to_offset)) {
        steps.push_back({&source, &tensor->name, tensor->dtype, std::move(move)});
      }
    };
    if (piece.rows.empty()) {
      emit(piece.from_offset, piece.axes, piece.to_offset);
      return;
    }
    // Rows that follow each other in source and target are moved together.
    if (piece.axes.empty() || static_cast<std::int64_t>(piece.rows.size()) != piece.axes.front().extent) {
      fail(slot.name, "the plan's rows are not as many as its first axis is long");
    }
    for (std::size_t begin = 0, end = 0; begin < piece.rows.size(); begin = end) {
      for (end = begin + 1; end < piece.rows.size() && piece.rows[end] == piece.rows[end - 1] + 1;) ++end;
      std::vector<Axis> axes = piece.axes;
      axes.front().extent = static_cast<std::int64_t>(end - begin);
      emit(piece.from_offset + piece.rows[begin] * axes.front().from, axes,
           piece.to_offset + static_cast<std::int64_t>(begin) * axes.front().to);
    }
  }

  static bool copied_whole(const Slot& slot, std::uint64_t elements) {
    if (slot.pieces.size() != 1) return false;
    const Piece& piece = slot.pieces.front();
    return piece.op == Op::copy && piece.rows.empty() && piece.from_offset == 0 && piece.to_offset == 0 &&
           piece.axes == std::vector<Axis>{{static_cast<std::int64_t>(elements), 1, 1}};
  }

  // Elements [begin, end) of a slot.
  void fill(std::uint32_t slot, std::uint64_t begin, std::uint64_t end, MutableByteView out) const {
    const DType to = plan_.slots[slot].dtype;
    // Several pieces may leave a gap that their counts do not show; what is in the buffer must not end up there.
    if (steps_[slot].size() != 1) std::ranges::fill(out, std::byte{0});
    std::uint64_t moved = 0;
    std::vector<Move> parts;
    for (const Step& step : steps_[slot]) {
      parts.clear();
      Cutter(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end), element_bytes(step.from), parts)
          .cut(step.move);
      for (Move& part : parts) {
        part.to_offset -= static_cast<std::int64_t>(begin);
        moved += count_of(part.axes);
      }
      try {
        for (const Move& part : parts) carry_out(step, part, to, out);
      } catch (Error& error) {
        error.in({.file = {}, .offset = {}, .tensor = *step.tensor});
        throw;
      }
    }
    if (moved < end - begin) zero_rest(slot, begin, end, out);
  }

  void carry_out(const Step& step, const Move& part, DType to, MutableByteView out) const {
    if (step.from == to) {
      gather(*step.source, part, element_bytes(to), out.data());
      return;
    }
    // Gathered next to each other in the target's order, converted, and then put in place.
    const std::uint64_t count = count_of(part.axes);
    Move dense = part;
    dense.to_offset = 0;
    std::vector<Axis> place = part.axes;
    std::int64_t stride = 1;
    for (std::size_t i = dense.axes.size(); i-- > 0;) {
      place[i].from = dense.axes[i].to = stride;
      stride *= dense.axes[i].extent;
    }
    const std::uint64_t width = element_bytes(to);
    std::vector<std::byte> source(count * element_bytes(step.from)), converted(count * width);
    gather(*step.source, dense, element_bytes(step.from), source.data());
    const std::uint64_t overflows = cast(step.from, to, source, converted);
    if (overflows > 0 && !plan_.allow_overflow) {
      throw Error(Errc::mismatch, to_text(overflow_of(*step.source, *step.source->index().find(*step.tensor), to), to),
                  {.file = {}, .offset = {}, .tensor = *step.tensor},
                  "choose a wider --dtype (bf16 has the range of f32), or add --allow-overflow");
    }
    strided_copy(std::move(place), width, converted.data(),
                 out.data() + static_cast<std::size_t>(part.to_offset) * width);
  }

  // Elements that no piece with a source fills are zeros. Pieces do not overlap, so the zeros are what is left.
  void zero_rest(std::uint32_t slot, std::uint64_t begin, std::uint64_t end, MutableByteView out) const {
    const Slot& target = plan_.slots[slot];
    const std::uint64_t width = element_bytes(target.dtype);
    for (const Piece& piece : target.pieces) {
      if (piece.op != Op::zeros) continue;
      Move move{0, 0, piece.axes, piece.to_offset};
      for (Axis& axis : move.axes) axis.from = 0;
      std::ranges::stable_sort(move.axes, std::greater(), &Axis::to);
      std::vector<Move> parts;
      Cutter(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end), width, parts).cut(move);
      const std::vector<std::byte> zero(width);
      for (const Move& part : parts) {
        strided_copy(part.axes, width, zero.data(),
                     out.data() + (static_cast<std::size_t>(part.to_offset) - begin) * width);
      }
    }
  }

  Plan plan_;
  std::vector<std::shared_ptr<const Reader>> sources_;
  Index index_;
  std::vector<std::vector<Step>> steps_;  // per slot
  std::vector<bool> bytewise_;            // per slot: packed elements, copied as they lie
};

}  // namespace

std::unique_ptr<Reader> view(const Plan& plan, std::vector<std::shared_ptr<const Reader>> sources) {
  return std::make_unique<PlanView>(plan, std::move(sources));
}

}  // namespace transload
