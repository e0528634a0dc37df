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

// The head of a framework whose code fixes its activation has it whatever the encoder's is, relu included.
bool may_vary(const Said<Activation>& a, const Said<Activation>& b, bool of_head) {
  return (a.by_code || b.by_code) && (of_head || (is_gelu(a.value) && is_gelu(b.value)));
}
bool may_vary(const Said<double>& a, const Said<double>& b, bool) { return a.by_code || b.by_code; }

// A value that may be of the encoder, of the head, or of both.
template <class T>
using Fields = std::vector<T Settings::*>;

template <class T>
void judge_one(std::string_view what, const Said<T>& a, const Said<T>& b, const Fields<T>& fields, bool of_head,
               Judged& judged) {
  for (const auto field : fields) {
    judged.first.*field = a.value;
    judged.second.*field = b.value;
  }
  if (a.value == b.value) return;
  if (!may_vary(a, b, of_head)) {
    judged.contradictions.push_back(
        fmt::format("{}: {} in the first model, {} in the second; nothing but their configurations makes them differ",
                    what, said(a), said(b)));
    return;
  }
  Disagreement disagreement;
  disagreement.variant.what = what;
  disagreement.variant.first = said(a);
  disagreement.variant.second = said(b);
  disagreement.own_value = [fields, own = b.value](Settings& settings) {
    for (const auto field : fields) settings.*field = own;
  };
  for (const auto field : fields) judged.second.*field = a.value;
  judged.variants.push_back(std::move(disagreement));
}

// What the encoder and the head say.
template <class T>
struct Pair {
  std::string_view what, of_head;
  Said<T> forward::Semantics::*encoder, forward::Semantics::*head;
  T Settings::*encoder_field, Settings::*head_field;
};

template <class T>
void judge_pair(const Pair<T>& pair, const forward::Semantics& a, const forward::Semantics& b, bool with_mlm,
                Judged& judged) {
  const Said<T>&x = a.*pair.encoder, &y = b.*pair.encoder, &u = a.*pair.head, &v = b.*pair.head;
  // The head follows the encoder where the same says so, or where it makes no difference who says it.
  const bool same_values = x.value == u.value && y.value == v.value;
  const bool same_sayers = x.by_code == u.by_code && y.by_code == v.by_code;
  const bool one_matter = same_values && (same_sayers || may_vary(x, y, false) == may_vary(u, v, true));
  Fields<T> fields{pair.encoder_field};
  if (one_matter) fields.push_back(pair.head_field);
  judge_one(pair.what, x, y, fields, false, judged);
  if (with_mlm && !one_matter) judge_one(pair.of_head, u, v, {pair.head_field}, true, judged);
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
  using forward::Semantics;
  Judged judged;
  judged.first.heads = first.sizes().heads;
  judged.second.heads = second.sizes().heads;
  const Pair<Activation> activation{"activation",           "activation of the masked language model's head",
                                    &Semantics::activation, &Semantics::head_activation,
                                    &Settings::activation,  &Settings::head_activation};
  const Pair<double> epsilon{"epsilon of the norms", "epsilon of the masked language model's norm",
                             &Semantics::epsilon,    &Semantics::head_epsilon,
                             &Settings::epsilon,     &Settings::head_epsilon};
  judge_pair(activation, first.semantics(), second.semantics(), with_mlm, judged);
  judge_pair(epsilon, first.semantics(), second.semantics(), with_mlm, judged);
  for (Disagreement& each : judged.variants) {  // each is measured by itself: all else as in the gate's run
    each.own = judged.second;
    each.own_value(each.own);
  }
  return judged;
}

}  // namespace transload::outputs
