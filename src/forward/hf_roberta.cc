// transformers' RobertaModel with the heads of RobertaForMaskedLM, RobertaForSequenceClassification,
// RobertaForMultipleChoice, RobertaForTokenClassification and RobertaForQuestionAnswering.

#include <fmt/format.h>

#include <array>
#include <string>

#include "forward/dialects.h"
#include "forward/hf_encoder.h"
#include "transload/error.h"

namespace transload::forward {
namespace {

constexpr std::array<std::string_view, 3> kModelTypes{"roberta", "xlm-roberta", "camembert"};

constexpr std::array<std::string_view, 6> kMaskedLms{"RobertaForMaskedLM",    "RobertaForCausalLM",
                                                     "XLMRobertaForMaskedLM", "XLMRobertaForCausalLM",
                                                     "CamembertForMaskedLM",  "CamembertForCausalLM"};

class HfRoberta final : public HfEncoder {
 public:
  explicit HfRoberta(const Model& model) : HfEncoder(model, "roberta.", kModelTypes) {
    read_padding();
    // RobertaLMHead calls gelu, whatever hidden_act says.
    semantics_.head_activation = {Activation::gelu_erf, true, "transformers' RobertaLMHead"};
    add_head_if(Head::mlm, {"lm_head.dense.weight", "lm_head.bias", "lm_head.decoder.weight"});
    own_transform_ = weights_.has("classifier.dense.weight") || weights_.has("classifier.out_proj.weight");
    if (own_transform_) {
      heads_.push_back(Head::classifier);
    } else {
      // Plain: RobertaForMultipleChoice on the pooled output, RobertaForTokenClassification on every token.
      add_head_if(pooler_ ? Head::classifier : Head::token_classifier, {"classifier.weight", "classifier.bias"});
    }
    add_head_if(Head::span, {"qa_outputs.weight", "qa_outputs.bias"});
    find_decoder("lm_head.decoder.weight", kMaskedLms);
  }

  // create_position_ids_from_input_ids(): tokens that are not padding are counted from the padding's own row on, and
  // padding keeps that row.
  std::vector<std::int64_t> positions(const TokenBatch& batch) const override {
    std::vector<std::int64_t> rows;
    rows.reserve(batch.ids.size());
    std::int64_t counted = 0;
    for (std::size_t token = 0; token < batch.ids.size(); ++token) {
      if (batch.length > 0 && token % static_cast<std::size_t>(batch.length) == 0) counted = 0;
      const bool padding = batch.ids[token] == padding_;
      if (!padding) ++counted;
      rows.push_back(padding ? padding_ : padding_ + counted);
    }
    return rows;
  }

  std::optional<std::int64_t> padding() const override { return padding_; }

  MaskedLm masked_lm() const override {
    if (!has(Head::mlm)) no_such_head(model_, Head::mlm);
    return {linear("lm_head.dense", sizes_.hidden, sizes_.hidden), norm("lm_head.layer_norm"),
            // One parameter under two names: transformers loads decoder.bias last.
            weights_.vector(first_of({"lm_head.decoder.bias", "lm_head.bias"}), sizes_.vocabulary)};
  }

  Classifier classifier(Head head) const override {
    if (!has(head)) no_such_head(model_, head);
    if (head == Head::span) return {{}, labels("qa_outputs")};
    if (!own_transform_) return {{}, labels("classifier")};
    return {linear("classifier.dense", sizes_.hidden, sizes_.hidden), labels("classifier.out_proj")};
  }

  bool classifier_reads_pooled(Head head) const override { return head == Head::classifier && !own_transform_; }

 private:
  void read_padding() {
    constexpr std::int64_t kDefault = 1;  // RobertaConfig
    if (settings_.has("pad_token_id") && !settings_.integer("pad_token_id"))
      settings_.refuse("\"pad_token_id\" is null, and RoBERTa's positions start after it");
    padding_ = settings_.integer("pad_token_id").value_or(kDefault);
    if (padding_ < 0 || padding_ >= sizes_.positions || padding_ >= sizes_.vocabulary) {
      throw Error(Errc::mismatch, fmt::format("\"pad_token_id\" is {}, which is no row of the positions", padding_),
                  {.file = model_.config_name, .offset = {}, .tensor = {}});
    }
    sizes_.positions -= padding_ + 1;
  }

  std::int64_t padding_ = 1;
  bool own_transform_ = false;
};

}  // namespace

std::unique_ptr<Graph> hf_roberta_graph(const Model& model) { return std::make_unique<HfRoberta>(model); }

}  // namespace transload::forward
