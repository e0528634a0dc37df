#include "forward/rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "forward/blocks.h"

namespace transload::forward {
namespace {

// Sum of `each(x)`, in several running sums: a compiler may not reorder a single one to use vectors.
template <class Each>
double sum(std::span<const double> row, const Each& each) noexcept {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= row.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += each(row[i + lane]);
  }
  for (; i < row.size(); ++i) lanes[0] += each(row[i]);
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

template <Activation kActivation>
double one(double x) noexcept {
  using std::numbers::sqrt2;
  constexpr double kSqrt2OverPi = 0.79788456080286535587989211986876;  // sqrt(2 / pi)
  switch (kActivation) {
    case Activation::gelu_erf: return x * 0.5 * (1.0 + std::erf(x * (1.0 / sqrt2)));
    case Activation::gelu_tanh: return 0.5 * x * (1.0 + std::tanh(kSqrt2OverPi * (x + 0.044715 * x * x * x)));
    case Activation::relu: return x > 0.0 || std::isnan(x) ? x : 0.0;
    case Activation::tanh: return std::tanh(x);
    case Activation::linear: return x;
    case Activation::silu: return x / (1.0 + std::exp(-x));
  }
  return x;
}

template <Activation kActivation>
void all(std::span<double> values) noexcept {
  for (double& x : values) x = one<kActivation>(x);
}

}  // namespace

void activate(Activation activation, std::span<double> values) noexcept {
  switch (activation) {
    case Activation::gelu_erf: return all<Activation::gelu_erf>(values);
    case Activation::gelu_tanh: return all<Activation::gelu_tanh>(values);
    case Activation::relu: return all<Activation::relu>(values);
    case Activation::tanh: return all<Activation::tanh>(values);
    case Activation::linear: return;
    case Activation::silu: return all<Activation::silu>(values);
  }
}

double activate(Activation activation, double x) noexcept {
  activate(activation, std::span(&x, 1));
  return x;
}

void normalise_row(std::span<double> row, std::span<const double> scale, std::span<const double> shift,
                   double epsilon) noexcept {
  const auto width = static_cast<double>(row.size());
  const double mean = sum(row, [](double x) { return x; }) / width;
  const double variance = sum(row, [mean](double x) { return (x - mean) * (x - mean); }) / width;
  const double factor = 1.0 / std::sqrt(variance + epsilon);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = (row[i] - mean) * factor * scale[i] + shift[i];
}

void softmax(std::span<double> row) noexcept {
  if (row.empty()) return;
  const double largest = *std::ranges::max_element(row);
  for (double& x : row) x = std::exp(x - largest);
  const double factor = 1.0 / sum(row, [](double x) { return x; });
  for (double& x : row) x *= factor;
}

}  // namespace transload::forward
