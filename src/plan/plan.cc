#include "transload/plan.h"

#include <fmt/format.h>

#include <array>

#include "transload/error.h"

namespace transload {

const OpTraits& traits(Op op) noexcept {
  static constexpr std::array<OpTraits, 3> kOps{{
      {Op::copy, "copy", Fidelity::exact, true},
      {Op::cast, "cast", Fidelity::rounding, false},
      {Op::zeros, "zeros", Fidelity::exact, false},
  }};
  return kOps[static_cast<std::size_t>(op)];
}

std::uint64_t total_bytes(const Plan& plan) {
  std::uint64_t total = 0;
  for (const Slot& slot : plan.slots) total += tensor_bytes(slot.dtype, slot.shape);
  return total;
}

Plan identity_plan(const Reader& source, std::string_view path) {
  Plan plan;
  const Index& index = source.index();
  plan.sources.push_back({std::string(path), index.format, digest(index)});
  for (const TensorInfo& tensor : index.tensors) {
    const auto count = static_cast<std::int64_t>(element_count(tensor.shape));
    plan.slots.push_back(
        {tensor.name, tensor.dtype, tensor.shape, {{Op::copy, 0, tensor.name, {{count, 1, 1}}, 0, 0, {}}}});
  }
  return plan;
}

void set_float_dtype(Plan& plan, std::span<const Reader* const> sources, DType dtype) {
  for (Slot& slot : plan.slots) {
    if (!is_float(slot.dtype)) continue;
    slot.dtype = dtype;
    for (Piece& piece : slot.pieces) {
      if (piece.op == Op::zeros) continue;
      const TensorInfo* tensor = sources[piece.source]->index().find(piece.tensor);
      if (tensor == nullptr)
        throw Error(Errc::mismatch, "is not in the source", {.file = {}, .offset = {}, .tensor = piece.tensor});
      piece.op = tensor->dtype == dtype ? Op::copy : Op::cast;
    }
  }
}

}  // namespace transload
