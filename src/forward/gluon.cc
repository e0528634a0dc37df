// GluonNLP 0.8.3: BERTModel and RoBERTaModel over BERTEncoder (model/bert.py, model/transformer.py), Bort, which is a
// BERTModel without token types, and what its scripts put around them.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "core/text.h"
#include "forward/base.h"
#include "forward/dialects.h"
#include "forward/gluon_names.h"

namespace transload::forward {
namespace {

// The module without its last part: "bort." stands in "bort.encoder...", the classifier around it does not.
std::string around(const std::string& prefix) {
  if (prefix.empty() || prefix.back() != '.') return prefix;
  const std::size_t dot = prefix.find_last_of(".:", prefix.size() - 2);
  return dot == std::string::npos ? "" : prefix.substr(0, dot + 1);
}

Model with_prefix(Model model, std::string prefix) {
  model.prefix = std::move(prefix);
  return model;
}

class Gluon final : public GraphBase {
 public:
  explicit Gluon(const Model& model)
      : GraphBase(model), names_(model), outer_(with_prefix(model, around(model.prefix))) {
    refuse_what_is_not_run();
    // Since mxnet 1.6 a shared parameter may be stored once, under its last name.
    const std::string output = names_.with(names_.decoder_output(), "weight");
    words_ = first_of({names_.with(names_.word(), "weight"), output});
    read_sizes();
    read_semantics();
    decoder_ = first_of({output, words_});
    pooler_ =
        weights_.has(names_.with(names_.pooler(), "weight")) || weights_.has(names_.with(names_.pooler(), "bias"));
    add_head_if(Head::mlm,
                {names_.with(names_.decoder_dense(), "weight"), names_.with(names_.decoder_output(), "bias")});
    add_head_if(Head::nsp,
                {names_.with(names_.next_sentence(), "weight"), names_.with(names_.next_sentence(), "bias")});
    if (decoder_ != words_) stored_tie_ = StoredTie{weights_.full(decoder_), "a model with a decoder", true};
    if (names_.flat()) find_flat_heads();
    if (!names_.flat() && !model.prefix.empty()) find_outer_heads();
  }

  Embeddings embeddings(std::span<const std::int64_t> ids) const override {
    Embeddings parameters{weights_.rows(words_, sizes_.hidden, ids),
                          weights_.matrix(names_.position(), sizes_.positions, sizes_.hidden),
                          {},
                          norm(names_.embedding_norm())};
    if (sizes_.types > 0)
      parameters.types = weights_.matrix(names_.with(names_.type(), "weight"), sizes_.types, sizes_.hidden);
    return parameters;
  }

  std::vector<std::int64_t> positions(const TokenBatch& batch) const override { return plain_positions(batch); }

  Layer layer(std::int64_t i) const override {
    const std::string at = names_.cell(i);
    const std::int64_t hidden = sizes_.hidden;
    return {dense(at + names_.attention("query"), hidden, hidden),
            dense(at + names_.attention("key"), hidden, hidden),
            dense(at + names_.attention("value"), hidden, hidden),
            dense(at + "proj", hidden, hidden),
            norm(at + names_.attention_norm()),
            dense(at + names_.feed_forward("ffn_1"), sizes_.inner, hidden),
            dense(at + names_.feed_forward("ffn_2"), hidden, sizes_.inner),
            norm(at + names_.output_norm())};
  }

  Pooler pooler() const override { return {dense(names_.pooler(), sizes_.hidden, sizes_.hidden)}; }

  MaskedLm masked_lm() const override {
    if (!has(Head::mlm)) no_such_head(model_, Head::mlm);
    return {dense(names_.decoder_dense(), sizes_.hidden, sizes_.hidden), norm(names_.decoder_norm()),
            weights_.vector(names_.with(names_.decoder_output(), "bias"), sizes_.vocabulary)};
  }

  Tensor word_rows(std::int64_t first, std::int64_t count) const override {
    return weights_.rows(words_, sizes_.hidden, first, count);
  }

  Tensor decoder_rows(std::int64_t first, std::int64_t count) const override {
    if (!has(Head::mlm)) no_such_head(model_, Head::mlm);
    return weights_.rows(decoder_, sizes_.hidden, first, count);
  }

  Classifier classifier(Head head) const override {
    if (!has(head)) no_such_head(model_, head);
    switch (head) {
      case Head::nsp: return {{}, labels(weights_, names_.next_sentence())};
      case Head::classifier: return {transform(), labels(outer_, classifier_)};
      case Head::token_classifier: return {{}, labels(outer_, tags_)};
      case Head::span: return {{}, labels(outer_, spans_)};
      case Head::mlm: break;
    }
    no_such_head(model_, head);
  }

  // RoBERTaClassifier and Bort's classifier have a transform of their own and take the first token's hidden state.
  bool classifier_reads_pooled(Head head) const override {
    return head == Head::nsp || (head == Head::classifier && transform_.empty());
  }

 private:
  Linear linear(const Weights& weights, const std::string& name, std::int64_t out, std::int64_t in) const {
    return {weights.matrix(names_.with(name, "weight"), out, in), weights.vector(names_.with(name, "bias"), out)};
  }
  Linear labels(const Weights& weights, const std::string& name) const {
    return linear(weights, name, weights.area(names_.with(name, "weight")).rows, sizes_.hidden);
  }
  Linear transform() const {
    if (transform_.empty()) return {};
    return linear(outer_, transform_, sizes_.hidden, sizes_.hidden);
  }
  Linear dense(const std::string& name, std::int64_t out, std::int64_t in) const {
    return linear(weights_, name, out, in);
  }
  Norm norm(const std::string& name) const {
    return {weights_.vector(names_.with(name, "gamma"), sizes_.hidden),
            weights_.vector(names_.with(name, "beta"), sizes_.hidden)};
  }

  void refuse_what_is_not_run() const {
    const std::string cell = settings_.text("attention_cell").value_or("multi_head");
    if (cell != "multi_head") settings_.refuse(fmt::format("the attention '{}' cannot be run", shortened(cell)));
    if (!settings_.flag("scaled").value_or(true)) settings_.refuse("attention that is not scaled cannot be run");
    if (!settings_.flag("use_residual").value_or(true)) settings_.refuse("a model without residuals cannot be run");
  }

  void read_sizes() {
    const Weights::Area words = weights_.area(words_);
    sizes_.vocabulary = words.rows;
    sizes_.hidden = words.columns;
    sizes_.positions = weights_.area(names_.position()).rows;
    const std::string types = names_.with(names_.type(), "weight");
    sizes_.types = weights_.has(types) ? weights_.area(types).rows : 0;
    sizes_.layers = weights_.count(names_.cells(), names_.after_cell());
    sizes_.inner = sizes_.layers == 0
                       ? settings_.integer("hidden_size").value_or(0)
                       : weights_.area(names_.with(names_.cell(0) + names_.feed_forward("ffn_1"), "weight")).rows;
    settings_.must_be("vocab_size", sizes_.vocabulary);
    settings_.must_be("units", sizes_.hidden);
    settings_.must_be("embed_size", sizes_.hidden);
    settings_.must_be("max_length", sizes_.positions);
    settings_.must_be("num_layers", sizes_.layers);
    settings_.must_be("hidden_size", sizes_.inner);
    // Bort's and some other hyperparameters name token types that the model is made without.
    if (sizes_.types > 0) settings_.must_be("token_type_vocab_size", sizes_.types);
    sizes_.heads = settings_.heads("num_heads", sizes_.hidden);
  }

  // GELU() is erf; any other name is mx.nd.Activation's. BERTLayerNorm's epsilon is 1e-12 unless it is told another
  // one, and the decoder never tells.
  void read_semantics() {
    constexpr double kEpsilon = 1e-12;
    std::string act = settings_.text("activation").value_or("gelu");
    std::ranges::transform(act, act.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    const Said<Activation> gelu{Activation::gelu_erf, true, "GluonNLP's code"};
    if (act == "gelu") {
      // The name has one meaning, but the configuration could have named another activation.
      semantics_.activation = {
          gelu.value, false,
          settings_.has("activation") ? settings_.named("activation") : "GluonNLP's default for \"activation\""};
    } else if (act == "relu") {
      semantics_.activation = {Activation::relu, false, settings_.named("activation")};
    } else if (act == "tanh") {
      semantics_.activation = {Activation::tanh, false, settings_.named("activation")};
    } else {
      settings_.refuse(fmt::format("the activation '{}' cannot be run", shortened(act)));
    }
    semantics_.head_activation = gelu;
    const std::optional<double> epsilon = settings_.epsilon("layer_norm_eps");
    semantics_.epsilon = {epsilon.value_or(kEpsilon), false,
                          epsilon ? settings_.named("layer_norm_eps") : "GluonNLP's default for \"layer_norm_eps\""};
    semantics_.head_epsilon = {kEpsilon, true, "GluonNLP's code"};
  }

  // BERTClassifier, RoBERTaClassifier, BortClassifier, BERTRegression, BERTForQA and BERTTagger of GluonNLP's scripts.
  // Their classifiers are sequences that hold dropouts too: the numbers of the dense layers depend on those.
  void find_outer_heads() {
    constexpr int kMost = 8;
    for (const std::string_view name : {"classifier", "regression"}) {
      for (int i = 0; i < kMost; ++i) {
        const std::string dense = fmt::format("{}.{}", name, i);
        if (!outer_.has(dense + ".weight")) continue;
        transform_ = classifier_;
        classifier_ = dense;
      }
      if (!classifier_.empty()) break;
    }
    if (!classifier_.empty()) heads_.push_back(Head::classifier);
    if (outer_.has("tag_classifier.weight")) heads_.push_back(Head::token_classifier);
    if (outer_.has("span_classifier.weight")) heads_.push_back(Head::span);
    tags_ = "tag_classifier";
    spans_ = "span_classifier";
  }

  // The same heads under flat names, which number dense layers only.
  void find_flat_heads() {
    const auto dense = names_.outer({"bertclassifier", "bertregression", "bortclassifier", "robertaclassifier"});
    if (!dense.empty()) {
      classifier_ = dense.back();
      if (dense.size() > 1) transform_ = dense.front();
      heads_.push_back(Head::classifier);
    }
    if (const auto tags = names_.outer({"berttagger"}); !tags.empty()) {
      tags_ = tags.front();
      heads_.push_back(Head::token_classifier);
    }
    if (const auto spans = names_.outer({"bertforqa"}); !spans.empty()) {
      spans_ = spans.front();
      heads_.push_back(Head::span);
    }
  }

  GluonNames names_;
  Weights outer_;
  std::string words_, decoder_;         // the tables: often one
  std::string classifier_, transform_;  // dense layers of a classifier around the model
  std::string tags_, spans_;            // of a tagger, of one that answers questions
};

}  // namespace

std::unique_ptr<Graph> gluon_graph(const Model& model) { return std::make_unique<Gluon>(model); }

}  // namespace transload::forward
