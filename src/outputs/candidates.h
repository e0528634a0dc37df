// The known mistakes of each stage: what other converters got wrong, and what shapes do not show.
#pragma once

#include <span>
#include <vector>

#include "forward/graph.h"
#include "outputs/repair.h"

namespace transload::outputs {

// What a repair may be made of. Parameters are those of the stage; the second's are changed in place by a Repaired.
template <class Parameters>
struct Patient {
  const Parameters* first = nullptr;
  Parameters* second = nullptr;
  Settings of_first, of_second;
  std::int64_t positions = 0, first_position_row = 0;  // of the second's table, for embeddings
};

std::vector<Repair> candidates(const Patient<forward::Embeddings>& patient);
std::vector<Repair> candidates(const Patient<forward::Layer>& patient);
std::vector<Repair> candidates(const Patient<forward::Pooler>& patient);
std::vector<Repair> candidates(const Patient<forward::MaskedLm>& patient);
std::vector<Repair> candidates(const Patient<forward::Classifier>& patient);

// Modules of this stage that have changed places with `others` of another one.
std::vector<Repair> exchanges(const std::vector<Module>& modules, const std::vector<Module>& others);

}  // namespace transload::outputs
