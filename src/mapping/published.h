// Models that were published without a configuration file: their sizes tell what the tensors do not show.
#pragma once

#include "mapping/family.h"
#include "transload/mapping.h"

namespace transload::mapping {

// The one published model of this dialect whose sizes these are; nullptr: none is, or several are.
const Published* published_as(const Family& family, std::size_t dialect, const ModelConfig& config);

}  // namespace transload::mapping
