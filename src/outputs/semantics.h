// What the two models' frameworks and configurations say about what is computed, judged before anything is run.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "forward/graph.h"

namespace transload::outputs {

// The values that a run uses.
struct Settings {
  forward::Activation activation = forward::Activation::gelu_erf;
  forward::Activation head_activation = forward::Activation::gelu_erf;  // of the masked language model's transform
  double epsilon = 0, head_epsilon = 0;
  std::int64_t heads = 1;  // of the attention
};

std::string_view name(forward::Activation activation) noexcept;
bool is_gelu(forward::Activation activation) noexcept;

// One disagreement that is a variant, and how the second runs with its own value again.
struct Disagreement {
  Variant variant;  // its effect is not measured yet
  std::function<void(Settings&)> own_value;
  Settings own;  // as in the gate's run, but for this one
};

struct Judged {
  Settings first, second;  // for the gate's run; of the second, variants are aligned to the first
  std::vector<Disagreement> variants;
  std::vector<std::string> contradictions;
};

// Equal values are fine whoever says them. Different ones are a variant where the code of one framework leaves no
// choice (the encoder's activation: only among kinds of gelu), and a contradiction where both were free to say the
// same. The masked language model's head counts only with `with_mlm`; where it says what the encoder says, they are one
// matter.
Judged judge(const forward::Graph& first, const forward::Graph& second, bool with_mlm);

}  // namespace transload::outputs
