// Modules of other stages that a converter may have put into this one: norms and square linear modules look alike.
#pragma once

#include <functional>
#include <vector>

#include "forward/graph.h"
#include "outputs/stages.h"
#include "outputs/tensors.h"

namespace transload::outputs {

using Look = std::function<bool(Stage::Kind, const std::vector<Module>&)>;

// Calls `look` with the second model's modules that could have changed places with some of `stage`, one other stage at
// a time, until it returns true. Whether it did.
bool for_each_neighbour(const forward::Graph& graph, const Stage& stage, const Inputs& inputs, const Look& look);

}  // namespace transload::outputs
