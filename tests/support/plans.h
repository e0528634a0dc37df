// Plans as a format's layout() needs them, without the planner.
#pragma once

#include <string>

#include "transload/format.h"
#include "transload/plan.h"

namespace transload::testing {

// The slots and metadata that would write `reader` again; their pieces are left empty.
inline Plan slots_of(const Reader& reader) {
  Plan plan;
  plan.metadata = reader.index().metadata;
  for (const TensorInfo& tensor : reader.index().tensors) {
    plan.slots.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape, .pieces = {}});
  }
  return plan;
}

// The first file of a layout, with each slot filled from the tensor of the same name.
inline std::string written_file(const Layout& layout, const Plan& plan, const Reader& reader) {
  std::string out(layout.files.at(0).size, '\xEE');
  for (const FixedBytes& fixed : layout.fixed) {
    if (fixed.file == 0) out.replace(fixed.offset, fixed.bytes.size(), fixed.bytes);
  }
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    const Extent& at = layout.slots[i];
    if (at.file != 0) continue;
    const MutableByteView bytes = std::as_writable_bytes(std::span(out)).subspan(at.offset, at.size);
    read_tensor(reader, *reader.index().find(plan.slots[i].name), bytes);
  }
  return out;
}

}  // namespace transload::testing
