// What lies directly below a value that tensors are looked for in: containers, and the state of unknown objects.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/torch/rebuild.h"
#include "wire/pickle.h"

namespace transload::torch {

struct Part {
  wire::PickleRef value = 0;
  std::optional<wire::PickleRef> key;  // none: a position
  std::uint64_t position = 0;
  bool hidden = false;  // of a module, and not in its state_dict()
};

class Parts {
 public:
  Parts(const wire::Pickle& pickle, const Rebuilder& rebuilder) : pickle_(pickle), rebuilder_(rebuilder) {}

  bool is_dict(wire::PickleRef ref) const;
  bool is_sequence(wire::PickleRef ref) const;
  // Inert, and perhaps with a state.
  bool is_object(wire::PickleRef ref) const;
  bool is_container(wire::PickleRef ref) const { return is_dict(ref) || is_sequence(ref) || is_object(ref); }
  // An object with the dicts of a torch.nn.Module: _parameters, _buffers, _modules.
  bool is_module(wire::PickleRef ref) const;

  // Of a container, in the order in which they are named. A dict's by key; a sequence's by position; an object's
  // attributes by name, then elements and arguments by position, and entries by key. A module's as state_dict() has
  // them: parameters, buffers that are persistent, modules, and hidden whatever else it has.
  std::vector<Part> of(wire::PickleRef ref) const;
  // The attributes of a call, where BUILD gave it a dict of them.
  std::optional<wire::PickleRef> state(wire::PickleRef ref) const;

 private:
  std::vector<Part> entries(wire::PickleRef dict) const;
  std::vector<Part> object(wire::PickleRef ref) const;
  std::vector<Part> module(wire::PickleRef ref) const;

  const wire::Pickle& pickle_;
  const Rebuilder& rebuilder_;
};

}  // namespace transload::torch
