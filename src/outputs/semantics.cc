#include "outputs/semantics.h"

#include <fmt/format.h>

namespace transload::outputs {
namespace {

using forward::Activation;
using forward::Said;

std::string shown(Activation value) { return std::string(name(value)); }
std::string shown(double value) { return fmt::format("{:g}", value); }

template <class T>
std::string said(const Said<T>& said) {
  return said.source.empty() ? shown(said.value) : fmt::format("{} ({})", shown(said.value), said.source);
}

bool may_vary(const Said<Activation>& a, const Said<Activation>& b) {
  return (a.by_code || b.by_code) && is_gelu(a.value) && is_gelu(b.value);
}
bool may_vary(const Said<double>& a, const Said<double>& b) { return a.by_code || b.by_code; }

template <class T>
void judge_one(std::string_view what, const Said<T>& a, const Said<T>& b, T Settings::*field, Judged& judged,
               std::vector<T Settings::*>& varied) {
  judged.first.*field = a.value;
  judged.second.*field = b.value;
  if (a.value == b.value) return;
  if (may_vary(a, b)) {
    judged.second.*field = a.value;
    varied.push_back(field);
    Disagreement disagreement;
    disagreement.variant.what = what;
    disagreement.variant.first = said(a);
    disagreement.variant.second = said(b);
    judged.variants.push_back(std::move(disagreement));
    return;
  }
  judged.contradictions.push_back(
      fmt::format("{}: {} in the first model, {} in the second; nothing but their configurations makes them differ",
                  what, said(a), said(b)));
}

}  // namespace

std::string_view name(Activation activation) noexcept {
  switch (activation) {
    case Activation::gelu_erf: return "gelu (erf)";
    case Activation::gelu_tanh: return "gelu (tanh)";
    case Activation::relu: return "relu";
    case Activation::tanh: return "tanh";
    case Activation::linear: return "linear";
    case Activation::silu: return "silu";
  }
  return "";
}

bool is_gelu(Activation activation) noexcept {
  return activation == Activation::gelu_erf || activation == Activation::gelu_tanh;
}

Judged judge(const forward::Graph& first, const forward::Graph& second, bool with_mlm) {
  Judged judged;
  judged.first.heads = first.sizes().heads;
  judged.second.heads = second.sizes().heads;
  const forward::Semantics &a = first.semantics(), &b = second.semantics();
  std::vector<Activation Settings::*> activations;
  std::vector<double Settings::*> epsilons;
  judge_one("activation", a.activation, b.activation, &Settings::activation, judged, activations);
  const std::size_t of_activation = judged.variants.size();
  judge_one("epsilon of the norms", a.epsilon, b.epsilon, &Settings::epsilon, judged, epsilons);
  if (with_mlm) {
    judge_one("epsilon of the masked language model's norm", a.head_epsilon, b.head_epsilon, &Settings::head_epsilon,
              judged, epsilons);
  }
  // Each variant is measured by itself: all else as in the gate's run.
  for (std::size_t i = 0; i < judged.variants.size(); ++i) {
    Settings& own = judged.variants[i].own;
    own = judged.second;
    if (i < of_activation) own.activation = b.activation.value;
    if (i < of_activation) continue;
    const auto field = epsilons[i - of_activation];
    own.*field = field == &Settings::epsilon ? b.epsilon.value : b.head_epsilon.value;
  }
  return judged;
}

}  // namespace transload::outputs
