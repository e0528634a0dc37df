// Binding a family to a checkpoint: every tensor is claimed by a row or dropped by a rule, and every size is known.
#pragma once

#include <string_view>

#include "mapping/family.h"
#include "transload/mapping.h"

namespace transload::mapping {

// How well a dialect's names fit: the share of the tensors that it names, and the share of the rows that a whole model
// has at least. Both 0 where less than half of the body's rows are there.
struct Fit {
  double named = 0, whole = 0;
};
Fit fit(const Family& family, const Index& index, std::string_view dialect);
// Mapping::bind().
Binding bind(const Family& family, const Index& index, const BindOptions& options);

}  // namespace transload::mapping
