#include "outputs/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace transload::outputs {

void Comparison::add(const forward::Values& first, const forward::Values& second, std::span<const Place> places,
                     std::string_view batch, std::int64_t first_unit) {
  const std::int64_t width = first.width;
  if (second.width != width) {  // labels of a classifier: its sizes are checked before
    difference_.largest = std::numeric_limits<double>::infinity();
    difference_.batch = batch;
    return;
  }
  for (const Place& place : places) {
    const auto at = static_cast<std::size_t>(place.row * width);
    for (std::int64_t unit = 0; unit < width; ++unit) {
      const double a = first.data[at + static_cast<std::size_t>(unit)];
      const double b = second.data[at + static_cast<std::size_t>(unit)];
      const bool finite = std::isfinite(a) && std::isfinite(b);
      if (std::isfinite(a)) difference_.scale = std::max(difference_.scale, std::abs(a));
      const double apart = finite ? std::abs(a - b) : std::numeric_limits<double>::infinity();
      if (any_ && !(apart > difference_.largest)) continue;
      any_ = true;
      difference_.largest = apart;
      difference_.batch = batch;
      difference_.sequence = place.sequence;
      difference_.position = place.position;
      difference_.unit = first_unit + unit;
    }
  }
}

StageDifference Comparison::result(const Gate& gate) const {
  StageDifference result = difference_;
  const double judged = gate.absolute ? result.largest : result.relative();
  result.within = std::isfinite(result.largest) && judged <= (gate.absolute ? *gate.absolute : gate.relative);
  return result;
}

bool all_close(const forward::Values& first, const forward::Values& second, std::span<const Place> places) {
  constexpr double kAbsolute = 1e-3, kRelative = 1e-5;
  for (const Place& place : places) {
    for (std::int64_t unit = 0; unit < first.width; ++unit) {
      const auto at = static_cast<std::size_t>(place.row * first.width + unit);
      const double apart = std::abs(first.data[at] - second.data[at]);
      if (!(apart <= kAbsolute + kRelative * std::abs(second.data[at]))) return false;
    }
  }
  return true;
}

}  // namespace transload::outputs
