// The check that every layout() begins with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transload/plan.h"

namespace transload {

// Errc::unsupported with everything that a format cannot hold: for each slot what `problem` says (empty: nothing), then
// `more`, which was found outside of the slots. `format`: "an MXNet file"; `advice`: what to do about it. Errc::usage
// where two slots have one name.
void check_slots(const Plan& plan, std::string_view format, std::string_view advice,
                 std::string (*problem)(const Slot&), std::vector<std::string> more = {});

}  // namespace transload
