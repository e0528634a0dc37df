// What transformers' BertModel and RobertaModel have in common: the encoder under the same names, the same keys.
#pragma once

#include <string>
#include <string_view>

#include "forward/base.h"

namespace transload::forward {

class HfEncoder : public GraphBase {
 public:
  Embeddings embeddings(std::span<const std::int64_t> ids) const override;
  Layer layer(std::int64_t i) const override;
  Pooler pooler() const override;
  Tensor word_rows(std::int64_t first, std::int64_t count) const override;
  Tensor decoder_rows(std::int64_t first, std::int64_t count) const override;

 protected:
  // `class_root`: what stands before the encoder's names in a class with heads, "bert.". A bare model has none.
  HfEncoder(const Model& model, std::string_view class_root, std::span<const std::string_view> model_types);

  // <name>.weight and <name>.bias.
  Linear linear(const std::string& name, std::int64_t out, std::int64_t in) const;
  // The same, or .gamma and .beta as models before 2019 have them; transformers renames those when it loads.
  Norm norm(const std::string& name) const;
  // Finds the output matrix of the masked language model: stored as `own`, or tied to the word embeddings. `classes`:
  // those with this head, the usual one first.
  void find_decoder(const std::string& own, std::span<const std::string_view> classes);
  // A matrix of any number of labels.
  Linear labels(const std::string& name) const;

  std::string root_, decoder_;

 private:
  void read_sizes();
  void read_semantics();
  void refuse_what_is_not_run(std::span<const std::string_view> model_types) const;
};

}  // namespace transload::forward
