// What a plan does to each tensor, in words that tests compare.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "transload/mapping.h"
#include "transload/plan.h"

namespace transload::testing {

inline const Slot* slot_named(const Plan& plan, const std::string& name) {
  for (const Slot& slot : plan.slots) {
    if (slot.name == name) return &slot;
  }
  return nullptr;
}

// One piece that copies a whole tensor of `from_shape` as it is.
inline bool is_plain_copy(const Slot& slot) {
  if (slot.pieces.size() != 1) return false;
  const Piece& piece = slot.pieces.front();
  const auto count = static_cast<std::int64_t>(element_count(slot.shape));
  return piece.op == Op::copy && piece.from_offset == 0 && piece.to_offset == 0 &&
         (count == 1 ? piece.axes.empty() : piece.axes == std::vector<Axis>{{count, 1, 1}});
}

// One piece that transposes a matrix: the slot is [a, b], the source [b, a].
inline bool is_transpose(const Slot& slot) {
  if (slot.pieces.size() != 1 || slot.shape.size() != 2) return false;
  const std::int64_t a = slot.shape[0], b = slot.shape[1];
  const Piece& piece = slot.pieces.front();
  return piece.op == Op::copy && piece.axes == std::vector<Axis>{{a, 1, b}, {b, a, 1}};
}

inline std::string drop_reason(const Plan& plan, const std::string& tensor) {
  for (const Drop& drop : plan.drops) {
    if (drop.tensor == tensor) return drop.reason;
  }
  return "(not dropped)";
}

// Carries out a plan on numbers: element i of the n-th source tensor is 1000000 n + i.
inline std::map<std::string, std::vector<std::int64_t>> run_on_numbers(const Plan& plan, const Index& index) {
  std::map<std::string, std::vector<std::int64_t>> out;
  for (const Slot& slot : plan.slots) {
    std::vector<std::int64_t> values(element_count(slot.shape), -1);
    for (const Piece& piece : slot.pieces) {
      const TensorInfo* source = piece.op == Op::zeros ? nullptr : index.find(piece.tensor);
      const std::int64_t base = source == nullptr ? 0 : 1000000 * (source - index.tensors.data());
      std::vector<std::int64_t> at(piece.axes.size(), 0);
      for (bool more = true; more;) {
        std::int64_t from = piece.from_offset, to = piece.to_offset;
        for (std::size_t i = 0; i < at.size(); ++i) {
          from += at[i] * piece.axes[i].from;
          to += at[i] * piece.axes[i].to;
        }
        values.at(static_cast<std::size_t>(to)) = source == nullptr ? 0 : base + from;
        more = false;
        for (std::size_t i = at.size(); i-- > 0 && !more;) {
          if (++at[i] < piece.axes[i].extent)
            more = true;
          else
            at[i] = 0;
        }
      }
    }
    out[slot.name] = std::move(values);
  }
  return out;
}

}  // namespace transload::testing
