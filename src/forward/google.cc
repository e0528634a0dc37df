// google-research/bert: modeling.py, and the heads of run_pretraining.py, run_classifier.py and run_squad.py.

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/text.h"
#include "forward/base.h"
#include "forward/dialects.h"

namespace transload::forward {
namespace {

class Google final : public GraphBase {
 public:
  explicit Google(const Model& model) : GraphBase(model) {
    read_sizes();
    read_semantics();
    pooler_ = weights_.has("bert/pooler/dense/kernel") || weights_.has("bert/pooler/dense/bias");
    add_head_if(Head::mlm, {"cls/predictions/transform/dense/kernel", "cls/predictions/output_bias"});
    add_head_if(Head::nsp, {"cls/seq_relationship/output_weights", "cls/seq_relationship/output_bias"});
    add_head_if(Head::classifier, {"output_weights", "output_bias"});  // run_classifier.py, and taggers made after it
    add_head_if(Head::token_classifier, {"output_weights", "output_bias"});
    add_head_if(Head::span, {"cls/squad/output_weights", "cls/squad/output_bias"});
  }

  Embeddings embeddings(std::span<const std::int64_t> ids) const override {
    const std::string at = "bert/embeddings/";
    return {weights_.rows(at + "word_embeddings", sizes_.hidden, ids),
            weights_.matrix(at + "position_embeddings", sizes_.positions, sizes_.hidden),
            weights_.matrix(at + "token_type_embeddings", sizes_.types, sizes_.hidden), norm(at + "LayerNorm")};
  }

  std::vector<std::int64_t> positions(const TokenBatch& batch) const override { return plain_positions(batch); }

  Layer layer(std::int64_t i) const override {
    const std::string at = fmt::format("bert/encoder/layer_{}/", i);
    const std::int64_t hidden = sizes_.hidden;
    return {dense(at + "attention/self/query", hidden, hidden),
            dense(at + "attention/self/key", hidden, hidden),
            dense(at + "attention/self/value", hidden, hidden),
            dense(at + "attention/output/dense", hidden, hidden),
            norm(at + "attention/output/LayerNorm"),
            dense(at + "intermediate/dense", sizes_.inner, hidden),
            dense(at + "output/dense", hidden, sizes_.inner),
            norm(at + "output/LayerNorm")};
  }

  Pooler pooler() const override { return {dense("bert/pooler/dense", sizes_.hidden, sizes_.hidden)}; }

  MaskedLm masked_lm() const override {
    if (!has(Head::mlm)) no_such_head(model_, Head::mlm);
    return {dense("cls/predictions/transform/dense", sizes_.hidden, sizes_.hidden),
            norm("cls/predictions/transform/LayerNorm"),
            weights_.vector("cls/predictions/output_bias", sizes_.vocabulary)};
  }

  Tensor word_rows(std::int64_t first, std::int64_t count) const override {
    return weights_.rows("bert/embeddings/word_embeddings", sizes_.hidden, first, count);
  }

  // get_masked_lm_output() multiplies by the word embeddings.
  Tensor decoder_rows(std::int64_t first, std::int64_t count) const override {
    if (!has(Head::mlm)) no_such_head(model_, Head::mlm);
    return weights_.rows("bert/embeddings/word_embeddings", sizes_.hidden, first, count);
  }

  Classifier classifier(Head head) const override {
    if (!has(head)) no_such_head(model_, head);
    switch (head) {
      case Head::nsp: return output("cls/seq_relationship/");
      case Head::classifier:
      case Head::token_classifier: return output("");
      case Head::span: return output("cls/squad/");
      case Head::mlm: break;
    }
    no_such_head(model_, head);
  }

  bool classifier_reads_pooled(Head head) const override { return head == Head::nsp || head == Head::classifier; }
  bool tells_classifiers_apart() const override { return false; }

 private:
  // tf.layers.dense: the kernel is [in, out].
  Linear dense(const std::string& name, std::int64_t out, std::int64_t in) const {
    return {weights_.matrix(name + "/kernel", out, in, Orientation::in_out), weights_.vector(name + "/bias", out)};
  }
  Norm norm(const std::string& name) const {
    return {weights_.vector(name + "/gamma", sizes_.hidden), weights_.vector(name + "/beta", sizes_.hidden)};
  }
  // The heads' own variables, unlike kernels, are [labels, hidden]: tf.matmul(..., transpose_b=True).
  Classifier output(const std::string& at) const {
    const std::int64_t labels = weights_.area(at + "output_weights").rows;
    return {
        {},
        {weights_.matrix(at + "output_weights", labels, sizes_.hidden), weights_.vector(at + "output_bias", labels)}};
  }

  void read_sizes() {
    const Weights::Area words = weights_.area("bert/embeddings/word_embeddings");
    sizes_.vocabulary = words.rows;
    sizes_.hidden = words.columns;
    sizes_.positions = weights_.area("bert/embeddings/position_embeddings").rows;
    sizes_.types = weights_.area("bert/embeddings/token_type_embeddings").rows;
    sizes_.layers = weights_.count("bert/encoder/layer_", "/");
    sizes_.inner = sizes_.layers == 0 ? settings_.integer("intermediate_size").value_or(0)
                                      : weights_.area("bert/encoder/layer_0/intermediate/dense/kernel").columns;
    settings_.must_be("vocab_size", sizes_.vocabulary);
    settings_.must_be("hidden_size", sizes_.hidden);
    settings_.must_be("max_position_embeddings", sizes_.positions);
    settings_.must_be("type_vocab_size", sizes_.types);
    settings_.must_be("num_hidden_layers", sizes_.layers);
    settings_.must_be("intermediate_size", sizes_.inner);
    sizes_.heads = settings_.heads("num_attention_heads", sizes_.hidden);
  }

  // get_activation(): "gelu" is Google's own function, with tanh. layer_norm(): tf.contrib's, whose epsilon for float32
  // is 1e-12.
  void read_semantics() {
    constexpr double kEpsilon = 1e-12;
    std::string act = settings_.has("hidden_act") ? settings_.text("hidden_act").value_or("") : "gelu";
    std::ranges::transform(act, act.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    if (act == "gelu") {
      semantics_.activation = {Activation::gelu_tanh, true, "Google's code"};
    } else if (act == "relu") {
      semantics_.activation = {Activation::relu, false, settings_.named("hidden_act")};
    } else if (act == "tanh") {
      semantics_.activation = {Activation::tanh, false, settings_.named("hidden_act")};
    } else if (act.empty() || act == "linear") {
      semantics_.activation = {Activation::linear, false, settings_.named("hidden_act")};
    } else {
      settings_.refuse(fmt::format("Google's code knows no activation '{}'", shortened(act)));
    }
    semantics_.head_activation = semantics_.activation;
    semantics_.epsilon = {kEpsilon, true, "Google's code"};
    semantics_.head_epsilon = semantics_.epsilon;
  }
};

}  // namespace

std::unique_ptr<Graph> google_graph(const Model& model) { return std::make_unique<Google>(model); }

}  // namespace transload::forward
