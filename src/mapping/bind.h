// Binding a family to a checkpoint: every tensor is claimed by a row or dropped by a rule, and every size is known.
#pragma once

#include <string_view>

#include "mapping/family.h"
#include "transload/mapping.h"

namespace transload::mapping {

// Share of the tensors that the dialect names; 0 where less than half of the body's rows are there.
double fit(const Family& family, const Index& index, std::string_view dialect);
// Mapping::bind().
Binding bind(const Family& family, const Index& index, const BindOptions& options);

}  // namespace transload::mapping
