// The pickle of a dict of tensors, as Python's pickler writes it for torch.save (docs/formats/torch.md, section 4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transload/dtype.h"

namespace transload::torch {

// One entry of the dict: a contiguous tensor that begins where its storage does.
struct Entry {
  std::string_view name;
  DType dtype = DType::f32;
  const Shape* shape = nullptr;
  std::uint64_t storage = 0;  // its key is this number; equal numbers share
};

// Whether torch has tensors of this type.
bool holds(DType type) noexcept;

// {name: tensor, ...} in the given order, protocol 2, from PROTO to STOP. All types must be ones that torch holds.
std::string pickle_of(const std::vector<Entry>& entries);

}  // namespace transload::torch
