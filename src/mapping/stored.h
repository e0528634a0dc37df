// What a stored tensor of a dialect looks like for given sizes: its shape, and where each parameter lies in it.
#pragma once

#include <optional>
#include <vector>

#include "mapping/family.h"
#include "transload/dtype.h"

namespace transload::mapping {

// A stored axis: times * the product of `sizes` + lead.
struct AxisRule {
  std::int64_t times = 1, lead = 0;
  std::vector<Size> sizes;
};
std::vector<AxisRule> axis_rules(const Family& family, const Stored& stored);

// nullopt when a letter is not known or the product is no positive 63-bit number.
std::optional<std::int64_t> evaluate(const AxisRule& rule, const Dims& dims);
// Learns the one unknown letter of a rule from the axis that it describes.
bool solve(const AxisRule& rule, std::int64_t extent, Dims& dims, const std::string& origin);

// Both need every size of the tensor in `dims`. Errc::mismatch when an axis cannot be cut as the layout says.
Shape shape_of(const Family& family, const Stored& stored, const Dims& dims);
Placement placement_of(const Family& family, const Stored& stored, std::size_t member, const Dims& dims);

}  // namespace transload::mapping
