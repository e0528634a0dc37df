#include "outputs/repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace transload::outputs {
namespace {

using forward::Tensor;

void transpose(Tensor& tensor) {
  constexpr std::int64_t kBlock = 32;
  const std::int64_t n = tensor.rows;
  const auto at = [&](std::int64_t r, std::int64_t c) -> double& {
    return tensor.values[static_cast<std::size_t>(r * n + c)];
  };
  for (std::int64_t r0 = 0; r0 < n; r0 += kBlock) {
    for (std::int64_t c0 = r0; c0 < n; c0 += kBlock) {
      for (std::int64_t r = r0; r < std::min(r0 + kBlock, n); ++r) {
        for (std::int64_t c = std::max(c0, r + 1); c < std::min(c0 + kBlock, n); ++c) std::swap(at(r, c), at(c, r));
      }
    }
  }
}

// A dialect may lack a tensor that the other has: its place is then taken with its shape.
void carry_out(const Step& step) {
  if (step.other == nullptr) return transpose(*step.tensor);
  std::swap(step.tensor->values, step.other->values);
  std::swap(step.tensor->rows, step.other->rows);
  std::swap(step.tensor->columns, step.other->columns);
}

// The exchanges that bring order[i] to i.
void add_steps(const std::vector<Tensor*>& tensors, std::vector<std::size_t> order, std::vector<Step>& steps) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    // What belongs at i stands at order[i], or, if that was exchanged already, where that led.
    std::size_t from = order[i];
    while (from < i) from = order[from];
    if (from != i) steps.push_back({tensors[i], tensors[from]});
  }
}

bool one_shape(const std::vector<Tensor*>& tensors) {
  for (const Tensor* tensor : tensors) {
    if (tensor == nullptr || tensor->empty() || !same_shape(*tensor, *tensors.front())) return false;
  }
  return true;
}

}  // namespace

Repaired::Repaired(const Repair& repair) : repair_(repair) {
  for (const Step& step : repair_.steps) carry_out(step);
}

Repaired::~Repaired() {
  for (auto step = repair_.steps.rbegin(); step != repair_.steps.rend(); ++step) carry_out(*step);
}

bool same_shape(const Tensor& a, const Tensor& b) noexcept { return a.rows == b.rows && a.columns == b.columns; }
bool is_square(const Tensor& tensor) noexcept { return tensor.rows == tensor.columns && tensor.rows > 1; }

void add_transposes(const std::vector<Module>& modules, std::vector<Repair>& repairs) {
  std::vector<Step> all;
  for (const Module& module : modules) {
    if (module.norm || module.second == nullptr || module.first->empty() || !is_square(*module.first)) continue;
    repairs.push_back({fmt::format("the weight of {} is transposed", module.name), {{module.first, nullptr}}, {}, {}});
    all.push_back({module.first, nullptr});
  }
  if (all.size() < 2) return;
  if (all.size() > 3) {
    const std::vector<Step> attention(all.begin(), all.begin() + 3);
    repairs.push_back({"the weights of query, key and value are transposed", attention, {}, {}});
  }
  repairs.push_back({"every square weight is transposed", all, {}, {}});
}

void add_permutation(const std::vector<Module>& modules, const std::vector<std::size_t>& order, const std::string& what,
                     std::vector<Repair>& repairs) {
  std::vector<Tensor*> first, second;
  for (const Module& module : modules) {
    first.push_back(module.first);
    second.push_back(module.second);
  }
  const bool norm = modules.front().norm, firsts = one_shape(first), seconds = one_shape(second);
  std::vector<Step> of_first, of_second;
  add_steps(first, order, of_first);
  add_steps(second, order, of_second);
  if (firsts && seconds) {
    std::vector<Step> both = of_first;
    both.insert(both.end(), of_second.begin(), of_second.end());
    repairs.push_back({what, std::move(both), {}, {}});
  }
  if (firsts) repairs.push_back({what + (norm ? " (scales only)" : " (weights only)"), std::move(of_first), {}, {}});
  if (seconds) repairs.push_back({what + (norm ? " (shifts only)" : " (biases only)"), std::move(of_second), {}, {}});
}

void add_exchange(const Module& a, const Module& b, std::vector<Repair>& repairs) {
  add_permutation({a, b}, {1, 0}, fmt::format("{} and {} have changed places", a.name, b.name), repairs);
}

void add_scale_for_shift(const Module& norm, std::vector<Repair>& repairs) {
  if (!one_shape({norm.first, norm.second})) return;
  repairs.push_back(
      {fmt::format("scale and shift of {} have changed places", norm.name), {{norm.first, norm.second}}, {}, {}});
}

void add_activations(const Settings& first, const Settings& second, forward::Activation Settings::*field,
                     std::vector<Repair>& repairs) {
  using forward::Activation;
  for (const Activation activation : {first.*field, Activation::gelu_erf, Activation::gelu_tanh, Activation::relu}) {
    if (activation == second.*field) continue;
    Settings settings = second;
    settings.*field = activation;
    repairs.push_back({fmt::format("the second model's activation is {} where the weights are of {}",
                                   name(second.*field), name(activation)),
                       {},
                       {},
                       settings});
  }
}

void add_epsilons(const Settings& first, const Settings& second, double Settings::*field,
                  std::vector<Repair>& repairs) {
  for (const double epsilon : {first.*field, 1e-5, 1e-6, 1e-7, 1e-12}) {
    if (epsilon == second.*field) continue;
    Settings settings = second;
    settings.*field = epsilon;
    repairs.push_back(
        {fmt::format("the second model's epsilon is {:g} where the weights are of {:g}", second.*field, epsilon),
         {},
         {},
         settings});
  }
}

void add_heads(const Settings& first, const Settings& second, std::vector<Repair>& repairs) {
  if (first.heads == second.heads) return;
  Settings settings = second;
  settings.heads = first.heads;
  repairs.push_back({fmt::format("the second model runs with {} attention heads where the weights are of {}",
                                 second.heads, first.heads),
                     {},
                     {},
                     settings});
}

}  // namespace transload::outputs
