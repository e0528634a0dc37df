// One model as its own framework runs it: which tensor is which, under the framework's own names, and the semantics
// that its code and its configuration fix. One implementation per dialect; they share the arithmetic of blocks.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "forward/parameters.h"
#include "transload/prove_outputs.h"

namespace transload::forward {

enum class Activation : std::uint8_t { gelu_erf, gelu_tanh, relu, tanh, linear, silu };

// Who says so decides what a disagreement is: between two configurations an error, of a framework's code a variant.
template <class T>
struct Said {
  T value{};
  bool by_code = false;  // the framework's code fixes it, whatever the configuration says
  std::string source;    // "\"layer_norm_eps\" of config.json", "Google's code"
};

struct Semantics {
  Said<Activation> activation;       // of the feed-forward pair
  Said<Activation> head_activation;  // of the masked language model's transform
  Said<double> epsilon;              // of the encoder's norms
  Said<double> head_epsilon;         // of the masked language model's norm
};

struct Sizes {
  std::int64_t layers = 0, hidden = 0, heads = 0, inner = 0, vocabulary = 0;
  std::int64_t positions = 0;  // longest sequence that the model takes
  std::int64_t types = 0;      // 0: the model has no token types
};

// A matrix to the vocabulary that a file stores beside the word embeddings, although the framework ties the two: one of
// them replaces the other when the model is loaded.
struct StoredTie {
  std::string tensor;     // as it is stored
  std::string loaded_as;  // the class with this head: "BertForMaskedLM"
  bool loaded = true;     // false: the configuration names a class without this head, which leaves the matrix out
};

enum class Head : std::uint8_t { mlm, nsp, classifier, token_classifier, span };
std::string_view name(Head head) noexcept;

// Thread-safe; every call reads its tensors anew, so one layer is in memory at a time. Errc::unmapped naming a tensor
// that is missing, Errc::mismatch one of another shape, both with the file.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual const Model& model() const noexcept = 0;
  virtual const Sizes& sizes() const noexcept = 0;
  virtual const Semantics& semantics() const noexcept = 0;
  virtual bool has_pooler() const noexcept = 0;
  virtual std::span<const Head> heads() const noexcept = 0;
  bool has(Head head) const { return std::ranges::find(heads(), head) != heads().end(); }

  // `ids`: distinct; row i of `words` belongs to ids[i].
  virtual Embeddings embeddings(std::span<const std::int64_t> ids) const = 0;
  // The row of the position table for each token of `batch`, [sequences, length].
  virtual std::vector<std::int64_t> positions(const TokenBatch& batch) const = 0;
  // The id that has a position of its own wherever it stands.
  virtual std::optional<std::int64_t> padding() const { return std::nullopt; }
  virtual Layer layer(std::int64_t i) const = 0;
  virtual Pooler pooler() const = 0;
  virtual MaskedLm masked_lm() const = 0;
  // Rows of the table of words, [count, hidden].
  virtual Tensor word_rows(std::int64_t first, std::int64_t count) const = 0;
  virtual std::optional<StoredTie> stored_tie() const = 0;
  // Rows of the matrix from hidden states to the vocabulary, [count, hidden].
  virtual Tensor decoder_rows(std::int64_t first, std::int64_t count) const = 0;
  virtual Classifier classifier(Head head) const = 0;  // nsp, classifier, token_classifier, span
  // What the classifier reads: the pooled output, or the hidden state of each (token_classifier, span) or the first
  // token.
  virtual bool classifier_reads_pooled(Head head) const = 0;
  // False: one and the same head is in heads() as a classifier of sequences and as one of tokens, for names and
  // configuration do not say which it is. What it is compared with does.
  virtual bool tells_classifiers_apart() const { return true; }
};

// Errc::unsupported where there is no graph, Errc::unmapped where the configuration lacks a size that the tensors do
// not show (the number of heads), Errc::mismatch where the two contradict each other.
std::unique_ptr<Graph> make_graph(const Model& model);

}  // namespace transload::forward
