// What every graph keeps.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "forward/graph.h"
#include "forward/settings.h"
#include "forward/weights.h"

namespace transload::forward {

// Constructors of derived classes fill the protected members; nothing changes after that.
class GraphBase : public Graph {
 public:
  const Model& model() const noexcept override { return model_; }
  const Sizes& sizes() const noexcept override { return sizes_; }
  const Semantics& semantics() const noexcept override { return semantics_; }
  bool has_pooler() const noexcept override { return pooler_; }
  std::span<const Head> heads() const noexcept override { return heads_; }
  std::optional<StoredTie> stored_tie() const override { return stored_tie_; }

 protected:
  explicit GraphBase(const Model& model) : model_(model), settings_(model), weights_(model) {}

  // Adds the head when the file holds any of the tensors: a part that is missing is then an error of its own.
  void add_head_if(Head head, std::initializer_list<std::string> names) {
    for (const std::string& name : names) {
      if (!weights_.has(name)) continue;
      heads_.push_back(head);
      return;
    }
  }
  // The first of several names under which a framework has stored a tensor; the first of all when none is there.
  std::string first_of(std::initializer_list<std::string> names) const {
    for (const std::string& name : names) {
      if (weights_.has(name)) return name;
    }
    return *names.begin();
  }

  Model model_;
  Settings settings_;
  Weights weights_;
  Sizes sizes_;
  Semantics semantics_;
  bool pooler_ = false;
  std::vector<Head> heads_;
  std::optional<StoredTie> stored_tie_;
};

// 0, 1, ... for each sequence: the positions of all frameworks but RoBERTa in transformers.
std::vector<std::int64_t> plain_positions(const TokenBatch& batch);
// Errc::usage: for a head that the model does not have, or that is not of this kind.
[[noreturn]] void no_such_head(const Model& model, Head head);

}  // namespace transload::forward
