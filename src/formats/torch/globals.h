// The names that a checkpoint of tensors may mention in its pickle, and what each of them stands for here.
// Source: torch/_weights_only_unpickler.py of torch 2.13 (its allow-list), and what else holds plain data in
// checkpoints of training loops. The name decides nothing but how a value is described: none is looked up or called.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "transload/dtype.h"

namespace transload::torch {

enum class Role : std::uint8_t {
  unknown,
  dict_like,     // OrderedDict, Counter, defaultdict
  set_like,      // set, frozenset
  plain_type,    // list, int ...: what a defaultdict makes; only mentioned
  plain_object,  // object()
  empty_bytes,   // bytes(): how protocol 2 writes none
  range_like,    // slice, range
  encode,        // _codecs.encode(text, "latin1"): how protocol 2 writes bytes
  byte_array,
  complex_number,
  size,  // torch.Size
  device,
  layout,     // torch.serialization._get_layout
  tensor_v1,  // torch._utils._rebuild_tensor
  tensor_v2,
  tensor_v3,
  parameter,
  parameter_state,
  from_type,  // torch._tensor._rebuild_from_type_v2: a tensor with attributes
  sparse,
  quantised,
  meta,
  nested,
  subclass,
  foreign,          // a tensor of an accelerator, written as something else
  tensor_class,     // torch.Tensor, torch.FloatTensor ...: as an argument of from_type; before 0.2 called
  parameter_class,  // torch.nn.parameter.Parameter: likewise; before 0.4 called
  storage,
  dtype,
  scheme,  // of a quantisation
};

struct Global {
  std::string_view module, name;
  Role role = Role::unknown;
  // Of a storage, a dtype or a tensor class. `bytes` is 0 where an element is not whole bytes; `dtype` is none where
  // Transload has no such type.
  std::optional<DType> dtype;
  std::uint8_t bytes = 0;
  bool untyped = false;  // a storage that counts bytes
};

// Nullptr where the name is not on the list.
const Global* find_global(std::string_view module, std::string_view name) noexcept;
bool is_allowed(std::string_view module, std::string_view name) noexcept;

}  // namespace transload::torch
