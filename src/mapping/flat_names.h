// Flat names, as MXNet's export(), Module and save_params() write them: "bertencoder0_transformer1_proj_weight" is
// what save_parameters() calls "encoder.transformer_cells.1.proj.weight".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transload/index.h"

namespace transload::mapping {

// The beginning of a flat name and of the dotted one; the rest stays as it is. In `flat`, "#" is a number that says
// nothing (MXNet counts the blocks of a process), "{}" one that `dotted` repeats.
struct FlatName {
  std::string flat, dotted;
};

// The name by which each tensor of the index is looked up. MXNet's rule: names are flat when none has a dot; then
// those that a rule knows are made dotted. Otherwise they stay. (Its readers have taken "arg:" and "aux:" off.)
std::vector<std::string> looked_up_names(const std::vector<FlatName>& rules, const Index& index);

// Whether the tensors are only counted (0, 1, 2 ...), as in a list without names.
bool nameless(const Index& index);

}  // namespace transload::mapping
