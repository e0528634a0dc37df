// What the stages of an encoder compute with, in one orientation for all dialects. A graph fills these from its own
// framework's names; the arithmetic of blocks.h reads them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/dtype.h"

namespace transload::forward {

// One stored tensor (or some of its rows) as doubles, C order. Empty: the model has none.
struct Tensor {
  std::string name;                    // as it is stored, for messages
  DType stored = DType::f64;           // what the file holds
  std::int64_t rows = 0, columns = 0;  // a vector has one row
  std::vector<double> values;
  bool empty() const noexcept { return values.empty(); }
};

// y = x weight^T + bias; weight is [out, in] whatever the dialect stores.
struct Linear {
  Tensor weight, bias;
};

struct Norm {
  Tensor scale, shift;
};

struct Layer {
  Linear query, key, value, merge;  // merge: attention's output
  Norm attention_norm;
  Linear expand, contract;  // the feed-forward pair
  Norm output_norm;
};

// `words` has one row per id of the inputs, in the order of their first use (see Graph::embeddings); positions and
// types are whole tables.
struct Embeddings {
  Tensor words, positions, types;  // types: empty where the model has none
  Norm norm;
};

struct Pooler {
  Linear dense;  // then tanh
};

// The masked language model's head but for its large output matrix, which Graph::decoder_rows() gives in parts.
struct MaskedLm {
  Linear dense;
  Norm norm;
  Tensor bias;  // [1, vocabulary]
};

// A classifier: [transform, tanh,] output. RoBERTa's and GluonNLP's have a transform of their own.
struct Classifier {
  Linear transform;  // empty: none
  Linear output;
};

}  // namespace transload::forward
