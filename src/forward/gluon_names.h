// GluonNLP's two ways to name the same parameters: by attributes, as save_parameters() does
// ("encoder.layer_norm.gamma"), or flat, by the counters of its name scopes, as export() does
// ("bertencoder0_bertlayernorm0_gamma").
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "transload/prove_outputs.h"

namespace transload::forward {

// Names without the model's prefix and without the last part (weight, bias, gamma, beta), which stands after `dot()`.
class GluonNames {
 public:
  // GluonNLP's own rule: a file is flat when no key has a dot. Errc::unsupported for a flat file of several models.
  explicit GluonNames(const Model& model);

  bool flat() const noexcept { return flat_; }
  std::string with(std::string_view module, std::string_view last) const;  // "decoder.0", "weight"

  // The dense layers of the heads around a flat model, such as "bertclassifier0_dense0", in the order of their numbers.
  // `blocks`: the classes' names in lower case.
  std::vector<std::string> outer(std::initializer_list<std::string_view> blocks) const;

  std::string position() const { return flat_ ? encoder_ + "position_weight" : "encoder.position_weight"; }
  std::string embedding_norm() const { return flat_ ? encoder_ + "bertlayernorm0" : "encoder.layer_norm"; }
  std::string word() const { return flat_ ? model_ + "word_embed_embedding0" : "word_embed.0"; }
  std::string type() const { return flat_ ? model_ + "token_type_embed_embedding0" : "token_type_embed.0"; }
  std::string pooler() const { return flat_ ? model_ + "pooler" : "pooler"; }
  std::string next_sentence() const { return flat_ ? model_ + "cls" : "classifier"; }
  std::string decoder_dense() const { return flat_ ? model_ + "dense0" : "decoder.0"; }
  std::string decoder_norm() const { return flat_ ? model_ + "bertlayernorm0" : "decoder.2"; }
  // Made with the word embedding's parameters, so its bias has the embedding's flat name too.
  std::string decoder_output() const { return flat_ ? word() : "decoder.3"; }

  std::string cells() const { return flat_ ? encoder_ + "transformer" : "encoder.transformer_cells."; }
  std::string after_cell() const { return flat_ ? "_" : "."; }
  std::string cell(std::int64_t i) const { return cells() + std::to_string(i) + after_cell(); }
  std::string attention(std::string_view part) const {  // "query"
    return std::string(flat_ ? "multiheadattentioncell0_" : "attention_cell.proj_") + std::string(part);
  }
  std::string attention_norm() const { return flat_ ? "bertlayernorm0" : "layer_norm"; }
  std::string feed_forward(std::string_view part) const {  // "ffn_1"
    return std::string(flat_ ? "bertpositionwiseffn0_" : "ffn.") + std::string(part);
  }
  std::string output_norm() const { return feed_forward(flat_ ? "bertlayernorm0" : "layer_norm"); }

 private:
  bool flat_ = false;
  std::set<std::string> outer_;  // modules of flat names that stand neither in the encoder nor in the model
  std::string encoder_, model_;  // "bertencoder0_", "bertmodel0_"
};

}  // namespace transload::forward
