// One known mistake, as what undoes it in the second model's parameters of a stage.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outputs/semantics.h"
#include "outputs/tensors.h"

namespace transload::outputs {

// Exchanges the values of two tensors of one shape; without `other`, transposes a square one. Each is its own inverse.
struct Step {
  forward::Tensor* tensor = nullptr;
  forward::Tensor* other = nullptr;
};

struct Repair {
  std::string what;  // "query and key have changed places (biases only)"
  std::vector<Step> steps;
  std::vector<std::shared_ptr<forward::Tensor>> owned;  // tensors of the steps that are of no stage
  std::optional<Settings> settings;                     // instead of the second's
  bool leaves_gaps = false;                             // some rows of a table become NaN: nothing is known of them
};

// The repair is in force while this lives.
class Repaired {
 public:
  explicit Repaired(const Repair& repair);
  ~Repaired();
  Repaired(const Repaired&) = delete;
  Repaired& operator=(const Repaired&) = delete;

 private:
  const Repair& repair_;
};

bool same_shape(const forward::Tensor& a, const forward::Tensor& b) noexcept;
bool is_square(const forward::Tensor& tensor) noexcept;

// Every square weight of the linear modules transposed: each, and all of the stage together.
void add_transposes(const std::vector<Module>& modules, std::vector<Repair>& repairs);
// The modules put in another order: order[i] is which of them stands where module i belongs. As wholes, weights only,
// biases only, as far as the shapes allow.
void add_permutation(const std::vector<Module>& modules, const std::vector<std::size_t>& order, const std::string& what,
                     std::vector<Repair>& repairs);
// Two modules that have changed places.
void add_exchange(const Module& a, const Module& b, std::vector<Repair>& repairs);
// Scale and shift of one norm have changed places.
void add_scale_for_shift(const Module& norm, std::vector<Repair>& repairs);
// Another activation, another epsilon, another number of attention heads than the second's: the first's own ones first.
void add_activations(const Settings& first, const Settings& second, forward::Activation Settings::*field,
                     std::vector<Repair>& repairs);
void add_epsilons(const Settings& first, const Settings& second, double Settings::*field, std::vector<Repair>& repairs);
void add_heads(const Settings& first, const Settings& second, std::vector<Repair>& repairs);

}  // namespace transload::outputs
