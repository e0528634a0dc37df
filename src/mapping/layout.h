// How a parameter lies in a stored tensor: axes by letter, and the strided copy that leads from one layout to another.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "transload/plan.h"

namespace transload::mapping {

// "(a n d) i": stored axes, outermost first, each the product of one or more factors, outermost first. A factor is one
// lower-case letter.
using Layout = std::vector<std::vector<char>>;

// Throws std::invalid_argument with a text that says what is wrong; every letter occurs once.
Layout parse_layout(std::string_view text);

// One factor of a parameter's axis in a stored tensor: its size, and how far apart its steps lie, in elements.
struct Step {
  std::int64_t size, stride;
  bool operator==(const Step&) const = default;
};

// Where a parameter lies in a stored tensor. Its axes have the same letters in every layout; what differs is how each
// is cut into factors (outermost first) and where those lie.
struct Placement {
  std::map<char, std::vector<Step>> axes;
  std::int64_t offset = 0;  // of its first element, in elements
};

// The copy from one placement to another, in the target's C order, with neighbouring axes joined where both sides
// allow it; a plain copy is one axis with both strides 1. Throws std::invalid_argument when an axis is cut in two ways
// that have no common refinement.
std::vector<Axis> copy_axes(const Placement& from, const Placement& to);

}  // namespace transload::mapping
