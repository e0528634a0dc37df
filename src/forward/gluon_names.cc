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
}

std::string GluonNames::with(std::string_view module, std::string_view last) const {
  return fmt::format("{}{}{}", module, flat_ ? "_" : ".", last);
}

}  // namespace transload::forward
