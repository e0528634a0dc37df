#include "outputs/tensors.h"

#include <string_view>

namespace transload::outputs {
namespace {

Module linear(std::string_view name, forward::Linear& linear) {
  return {std::string(name), &linear.weight, &linear.bias, false};
}
Module norm(std::string_view name, forward::Norm& norm) { return {std::string(name), &norm.scale, &norm.shift, true}; }
Module single(std::string_view name, forward::Tensor& tensor) { return {std::string(name), &tensor, nullptr, false}; }

}  // namespace

std::vector<Module> modules(forward::Embeddings& embeddings) {
  return {single("word embeddings", embeddings.words), single("position embeddings", embeddings.positions),
          single("token-type embeddings", embeddings.types), norm("the embeddings' norm", embeddings.norm)};
}

std::vector<Module> modules(forward::Layer& layer) {
  return {linear("query", layer.query),
          linear("key", layer.key),
          linear("value", layer.value),
          linear("attention output", layer.merge),
          linear("feed-forward input", layer.expand),
          linear("feed-forward output", layer.contract),
          norm("the attention's norm", layer.attention_norm),
          norm("the layer's last norm", layer.output_norm)};
}

std::vector<Module> modules(forward::Pooler& pooler) { return {linear("the pooler", pooler.dense)}; }

std::vector<Module> modules(forward::MaskedLm& head) {
  return {linear("the head's dense layer", head.dense), norm("the head's norm", head.norm),
          single("the head's bias", head.bias)};
}

std::vector<Module> modules(forward::Classifier& classifier) {
  return {linear("the classifier's transform", classifier.transform),
          linear("the classifier's output", classifier.output)};
}

}  // namespace transload::outputs
