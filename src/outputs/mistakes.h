// Why the outputs differ: the known mistakes are tried on the second model until the stages agree.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "outputs/lockstep.h"

namespace transload::outputs {

struct Search {
  const Side &first, &second;
  const Inputs& inputs;
  const std::vector<Stage>& stages;
  const Judged& judged;
  const Gate& gate;
  std::function<void()> go_on;  // called often; throws to end the search
};

struct Diagnosis {
  std::string mistake;             // one sentence; empty: no known mistake explains it all
  std::vector<std::string> notes;  // what was found nevertheless
};

// From the first stage beyond the gate on, each stage of the second is fed what the first computed, so that it is
// judged by itself. One that differs is tried with every known mistake of its kind undone, those first that explained
// an earlier stage. The search ends at a stage that nothing explains.
Diagnosis find_mistake(const Search& search, FirstBeyond beyond);

}  // namespace transload::outputs
