// transformers' BertModel with the heads of BertForPreTraining, BertForMaskedLM, BertForNextSentencePrediction,
// BertForSequenceClassification, BertForMultipleChoice, BertForTokenClassification and BertForQuestionAnswering.

#include <algorithm>
#include <array>
#include <string>

#include "forward/dialects.h"
#include "forward/hf_encoder.h"

namespace transload::forward {
namespace {

constexpr std::array<std::string_view, 2> kModelTypes{"bert", "bort"};

constexpr std::array<std::string_view, 3> kMaskedLms{"BertForMaskedLM", "BertForPreTraining", "BertLMHeadModel"};

class HfBert final : public HfEncoder {
 public:
  explicit HfBert(const Model& model) : HfEncoder(model, "bert.", kModelTypes) {
    add_head_if(Head::mlm,
                {"cls.predictions.transform.dense.weight", "cls.predictions.bias", "cls.predictions.decoder.weight"});
    add_head_if(Head::nsp, {"cls.seq_relationship.weight", "cls.seq_relationship.bias"});
    add_head_if(classifier_head(), {"classifier.weight", "classifier.bias"});
    add_head_if(Head::span, {"qa_outputs.weight", "qa_outputs.bias"});
    find_decoder("cls.predictions.decoder.weight", kMaskedLms);
  }

  std::vector<std::int64_t> positions(const TokenBatch& batch) const override { return plain_positions(batch); }

  MaskedLm masked_lm() const override {
    if (!has(Head::mlm)) no_such_head(model_, Head::mlm);
    const std::string at = "cls.predictions.";
    return {linear(at + "transform.dense", sizes_.hidden, sizes_.hidden), norm(at + "transform.LayerNorm"),
            // One parameter under two names: transformers loads decoder.bias last.
            weights_.vector(first_of({at + "decoder.bias", at + "bias"}), sizes_.vocabulary)};
  }

  Classifier classifier(Head head) const override {
    if (!has(head)) no_such_head(model_, head);
    switch (head) {
      case Head::nsp: return {{}, labels("cls.seq_relationship")};
      case Head::classifier:
      case Head::token_classifier: return {{}, labels("classifier")};
      case Head::span: return {{}, labels("qa_outputs")};
      case Head::mlm: break;
    }
    no_such_head(model_, head);
  }

  bool classifier_reads_pooled(Head head) const override { return head == Head::nsp || head == Head::classifier; }

 private:
  // "classifier" is the name in classes that read the pooled output and in the one that reads every token.
  Head classifier_head() const {
    for (const std::string& name : settings_.texts("architectures")) {
      if (name == "BertForTokenClassification") return Head::token_classifier;
      if (name == "BertForSequenceClassification" || name == "BertForMultipleChoice") return Head::classifier;
    }
    return pooler_ ? Head::classifier : Head::token_classifier;
  }
};

}  // namespace

std::unique_ptr<Graph> hf_bert_graph(const Model& model) { return std::make_unique<HfBert>(model); }

}  // namespace transload::forward
