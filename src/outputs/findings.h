// Putting what was found stage by stage into one sentence.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "outputs/stages.h"

namespace transload::outputs {

struct Finding {
  std::size_t stage = 0;  // in the list of stages
  std::string what;       // the same text means the same mistake
};

// "layers 1 and 3: query and key have changed places; every layer: ..."
std::string describe(std::span<const Finding> findings, const std::vector<Stage>& stages);

}  // namespace transload::outputs
