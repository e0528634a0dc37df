#include "forward/hf_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text.h"
#include "transload/error.h"

namespace transload::forward {
namespace {

struct Named {
  std::string_view name;
  Activation activation;
};

// transformers/activations.py, ACT2FN, as far as BERTs are known to use it. gelu_fast is gelu_new with sqrt(2 / pi)
// rounded to ten digits.
constexpr std::array<Named, 11> kActivations{{
    {"gelu", Activation::gelu_erf},
    {"gelu_python", Activation::gelu_erf},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_accurate", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"relu", Activation::relu},
    {"tanh", Activation::tanh},
    {"linear", Activation::linear},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
}};

}  // namespace

HfEncoder::HfEncoder(const Model& model, std::string_view class_root, std::span<const std::string_view> model_types)
    : GraphBase(model) {
  root_ = weights_.has(std::string(class_root) + "embeddings.word_embeddings.weight") ? std::string(class_root) : "";
  refuse_what_is_not_run(model_types);
  read_sizes();
  read_semantics();
  pooler_ = weights_.has(root_ + "pooler.dense.weight") || weights_.has(root_ + "pooler.dense.bias");
}

void HfEncoder::refuse_what_is_not_run(std::span<const std::string_view> model_types) const {
  const std::string type = settings_.text("model_type").value_or("");
  if (!type.empty() && std::ranges::find(model_types, type) == model_types.end()) {
    throw Error(
        Errc::mismatch,
        fmt::format("\"model_type\" is '{}', but the weights are to be run as {}", shortened(type), model_.family),
        {.file = model_.config_name, .offset = {}, .tensor = {}});
  }
  const std::string positions = settings_.text("position_embedding_type").value_or("absolute");
  if (positions != "absolute")
    settings_.refuse(fmt::format("position embeddings of the type '{}' cannot be run", shortened(positions)));
  if (settings_.flag("is_decoder").value_or(false) || settings_.flag("add_cross_attention").value_or(false))
    settings_.refuse("a decoder (\"is_decoder\", \"add_cross_attention\") cannot be run");
  const std::string layer = root_ + "encoder.layer.0.";
  for (const std::string_view part : {"crossattention.self.query.weight", "attention.self.distance_embedding.weight"}) {
    if (!weights_.has(layer + std::string(part))) continue;
    throw Error(Errc::unsupported, "a model with cross attention or relative positions cannot be run",
                {.file = model_.display, .offset = {}, .tensor = weights_.full(layer + std::string(part))});
  }
}

void HfEncoder::read_sizes() {
  const Weights::Area words = weights_.area(root_ + "embeddings.word_embeddings.weight");
  sizes_.vocabulary = words.rows;
  sizes_.hidden = words.columns;
  sizes_.positions = weights_.area(root_ + "embeddings.position_embeddings.weight").rows;
  sizes_.types = weights_.area(root_ + "embeddings.token_type_embeddings.weight").rows;
  sizes_.layers = weights_.count(root_ + "encoder.layer.", ".");
  sizes_.inner = sizes_.layers == 0 ? settings_.integer("intermediate_size").value_or(0)
                                    : weights_.area(root_ + "encoder.layer.0.intermediate.dense.weight").rows;
  settings_.must_be("vocab_size", sizes_.vocabulary);
  settings_.must_be("hidden_size", sizes_.hidden);
  settings_.must_be("max_position_embeddings", sizes_.positions);
  settings_.must_be("type_vocab_size", sizes_.types);
  settings_.must_be("num_hidden_layers", sizes_.layers);
  settings_.must_be("intermediate_size", sizes_.inner);
  sizes_.heads = settings_.heads("num_attention_heads", sizes_.hidden);
}

void HfEncoder::read_semantics() {
  constexpr double kDefaultEpsilon = 1e-12;  // BertConfig and RobertaConfig
  const std::string act = settings_.text("hidden_act").value_or("gelu");
  const auto* row = std::ranges::find(kActivations, act, &Named::name);
  if (row == kActivations.end()) settings_.refuse(fmt::format("the activation '{}' cannot be run", shortened(act)));
  const auto source = [&](std::string_view key) {
    return settings_.has(key) ? settings_.named(key) : fmt::format("transformers' default for \"{}\"", key);
  };
  semantics_.activation = {row->activation, false, source("hidden_act")};
  semantics_.head_activation = semantics_.activation;
  semantics_.epsilon = {settings_.epsilon("layer_norm_eps").value_or(kDefaultEpsilon), false, source("layer_norm_eps")};
  semantics_.head_epsilon = semantics_.epsilon;
}

Linear HfEncoder::linear(const std::string& name, std::int64_t out, std::int64_t in) const {
  return {weights_.matrix(name + ".weight", out, in), weights_.vector(name + ".bias", out)};
}

Norm HfEncoder::norm(const std::string& name) const {
  return {weights_.vector(first_of({name + ".weight", name + ".gamma"}), sizes_.hidden),
          weights_.vector(first_of({name + ".bias", name + ".beta"}), sizes_.hidden)};
}

Linear HfEncoder::labels(const std::string& name) const {
  return linear(name, weights_.area(name + ".weight").rows, sizes_.hidden);
}

Embeddings HfEncoder::embeddings(std::span<const std::int64_t> ids) const {
  const std::string at = root_ + "embeddings.";
  const std::int64_t hidden = sizes_.hidden;
  return {
      weights_.rows(at + "word_embeddings.weight", hidden, ids),
      weights_.matrix(at + "position_embeddings.weight", weights_.area(at + "position_embeddings.weight").rows, hidden),
      weights_.matrix(at + "token_type_embeddings.weight", sizes_.types, hidden), norm(at + "LayerNorm")};
}

Layer HfEncoder::layer(std::int64_t i) const {
  const std::string at = fmt::format("{}encoder.layer.{}.", root_, i);
  const std::int64_t hidden = sizes_.hidden;
  return {linear(at + "attention.self.query", hidden, hidden),
          linear(at + "attention.self.key", hidden, hidden),
          linear(at + "attention.self.value", hidden, hidden),
          linear(at + "attention.output.dense", hidden, hidden),
          norm(at + "attention.output.LayerNorm"),
          linear(at + "intermediate.dense", sizes_.inner, hidden),
          linear(at + "output.dense", hidden, sizes_.inner),
          norm(at + "output.LayerNorm")};
}

Pooler HfEncoder::pooler() const { return {linear(root_ + "pooler.dense", sizes_.hidden, sizes_.hidden)}; }

void HfEncoder::find_decoder(const std::string& own, std::span<const std::string_view> classes) {
  if (!has(Head::mlm)) return;
  const bool tied = settings_.flag("tie_word_embeddings").value_or(true);
  decoder_ = weights_.has(own) || !tied ? own : root_ + "embeddings.word_embeddings.weight";
  if (tied && decoder_ == own) {
    const std::vector<std::string> named = settings_.texts("architectures");
    const auto found = std::ranges::find_if(
        classes, [&](std::string_view each) { return std::ranges::find(named, each) != named.end(); });
    stored_tie_ = StoredTie{weights_.full(own), std::string(found == classes.end() ? classes.front() : *found),
                            named.empty() || found != classes.end()};
  }
  const std::int64_t rows = weights_.area(decoder_).rows;
  if (rows == sizes_.vocabulary) return;
  throw Error(Errc::mismatch, fmt::format("it has {} rows, and the vocabulary {}", rows, sizes_.vocabulary),
              {.file = model_.display, .offset = {}, .tensor = weights_.full(decoder_)});
}

Tensor HfEncoder::word_rows(std::int64_t first, std::int64_t count) const {
  return weights_.rows(root_ + "embeddings.word_embeddings.weight", sizes_.hidden, first, count);
}

Tensor HfEncoder::decoder_rows(std::int64_t first, std::int64_t count) const {
  if (!has(Head::mlm)) no_such_head(model_, Head::mlm);
  return weights_.rows(decoder_, sizes_.hidden, first, count);
}

}  // namespace transload::forward
