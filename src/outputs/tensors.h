// The tensors of a stage's parameters, each with a name for people, in a fixed order.
#pragma once

#include <string>
#include <vector>

#include "forward/parameters.h"

namespace transload::outputs {

// One module of a stage: a linear one (weight, bias), a norm (scale, shift), or a single tensor (`second` null).
struct Module {
  std::string name;
  forward::Tensor* first = nullptr;   // weight, scale, or the only one
  forward::Tensor* second = nullptr;  // bias, shift
  bool norm = false;
};

std::vector<Module> modules(forward::Embeddings& embeddings);
std::vector<Module> modules(forward::Layer& layer);
std::vector<Module> modules(forward::Pooler& pooler);
std::vector<Module> modules(forward::MaskedLm& head);
std::vector<Module> modules(forward::Classifier& classifier);

}  // namespace transload::outputs
