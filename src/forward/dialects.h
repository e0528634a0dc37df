// One graph per framework. make_graph() chooses; each reads its own framework's names and configuration keys, and
// throws as make_graph() does.
#pragma once

#include <memory>

#include "forward/graph.h"

namespace transload::forward {

// transformers' BertModel and its heads: modeling_bert.py (4.37). Bort is stored as one.
std::unique_ptr<Graph> hf_bert_graph(const Model& model);
// transformers' RobertaModel and its heads: modeling_roberta.py (4.37).
std::unique_ptr<Graph> hf_roberta_graph(const Model& model);
// google-research/bert, modeling.py with run_pretraining.py, run_classifier.py and run_squad.py.
std::unique_ptr<Graph> google_graph(const Model& model);
// GluonNLP 0.8.3: BERTModel and RoBERTaModel over BERTEncoder, and Bort, which is a BERTModel.
std::unique_ptr<Graph> gluon_graph(const Model& model);

}  // namespace transload::forward
