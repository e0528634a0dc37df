#include "forward/gluon_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "transload/error.h"

namespace transload::forward {
namespace {

// What stands before `end` in the one tensor whose name ends so; empty when there is none.
std::string scope(const Model& model, std::string_view end) {
  const TensorInfo* found = nullptr;
  for (const TensorInfo& tensor : model.weights->index().tensors) {
    if (!tensor.name.starts_with(model.prefix) || !std::string_view(tensor.name).ends_with(end)) continue;
    if (found != nullptr) {
      throw Error(Errc::unsupported, fmt::format("the file holds more than one model: '{}' is one more", found->name),
                  {.file = model.display, .offset = {}, .tensor = tensor.name});
    }
    found = &tensor;
  }
  if (found == nullptr || found->name.size() < model.prefix.size() + end.size()) return {};
  return found->name.substr(model.prefix.size(), found->name.size() - model.prefix.size() - end.size());
}

}  // namespace

GluonNames::GluonNames(const Model& model)
    : flat_(std::ranges::none_of(model.weights->index().tensors,
                                 [](const TensorInfo& tensor) { return tensor.name.find('.') != std::string::npos; })) {
  if (!flat_) return;
  encoder_ = scope(model, "position_weight");
  model_ = scope(model, "word_embed_embedding0_weight");
  constexpr std::string_view kWeight = "_weight";
  for (const TensorInfo& tensor : model.weights->index().tensors) {
    std::string_view name = tensor.name;
    if (!name.starts_with(model.prefix) || !name.ends_with(kWeight)) continue;
    name.remove_prefix(model.prefix.size());
    if (name.starts_with(encoder_) || name.starts_with(model_) || name.size() < kWeight.size()) continue;
    outer_.emplace(name.substr(0, name.size() - kWeight.size()));
  }
}

std::vector<std::string> GluonNames::outer(std::initializer_list<std::string_view> blocks) const {
  std::vector<std::string> found;
  for (const std::string& module : outer_) {
    for (const std::string_view block : blocks) {
      if (!module.starts_with(block)) continue;
      const std::size_t counted = module.find_first_not_of("0123456789", block.size());
      if (counted == std::string::npos || counted == block.size()) continue;
      if (std::string_view(module).substr(counted).starts_with("_dense")) found.push_back(module);
    }
  }
  return found;
}

std::string GluonNames::with(std::string_view module, std::string_view last) const {
  return fmt::format("{}{}{}", module, flat_ ? "_" : ".", last);
}

}  // namespace transload::forward
