// Rounding the first model's weights as the second stores them. It goes element by element, so it needs no mapping and
// cannot hide a mistake of one.
#pragma once

#include <optional>

#include "outputs/tensors.h"

namespace transload::outputs {

// Whether some values of `from` are no values of `to`.
bool loses(DType from, DType to) noexcept;

// Rounds `first` to the dtype that `second` is stored in, where that loses bits: to nearest, ties to even. The dtype
// that it was rounded to.
std::optional<DType> round_like(forward::Tensor& first, const forward::Tensor& second);

template <class Parameters>
struct Rounded {
  Parameters gate;                // the first's, as the second stores them
  std::optional<Parameters> own;  // as they are, where anything was rounded
};

// What was seen of all stages.
struct Rounding {
  std::optional<DType> to;          // some tensor was rounded to this
  bool second_stores_more = false;  // somewhere the second has bits that the first never had

  template <class Parameters>
  Rounded<Parameters> apply(Parameters first, Parameters& second) {
    bool rounds = false;
    std::vector<Module> ours = modules(first), theirs = modules(second);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      rounds = see(ours[i].first, theirs[i].first) || rounds;
      rounds = see(ours[i].second, theirs[i].second) || rounds;
    }
    Rounded<Parameters> result;
    if (rounds) result.own = first;
    result.gate = std::move(first);
    if (!rounds) return result;
    ours = modules(result.gate);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      round_like(*ours[i].first, *theirs[i].first);
      if (ours[i].second != nullptr) round_like(*ours[i].second, *theirs[i].second);
    }
    return result;
  }

 private:
  bool see(const forward::Tensor* first, const forward::Tensor* second);
};

}  // namespace transload::outputs
