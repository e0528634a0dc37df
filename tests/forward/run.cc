#include "forward/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "transload/error.h"

namespace transload::forward {
namespace {

void check(const Sizes& sizes, const TokenBatch& batch) {
  const auto tokens = static_cast<std::size_t>(batch.sequences * batch.length);
  if (batch.sequences < 1 || batch.length < 1 || batch.ids.size() != tokens)
    throw Error(Errc::usage, "a batch has as many ids as sequences times their length");
  if (batch.length > sizes.positions)
    throw Error(Errc::usage, fmt::format("{} tokens are more than the model's {}", batch.length, sizes.positions));
  const auto beyond = [](std::int64_t size) { return [size](std::int64_t id) { return id < 0 || id >= size; }; };
  if (std::ranges::any_of(batch.ids, beyond(sizes.vocabulary)))
    throw Error(Errc::usage, fmt::format("an id is not in the vocabulary of {}", sizes.vocabulary));
  if (sizes.types > 0 && std::ranges::any_of(batch.types, beyond(sizes.types)))
    throw Error(Errc::usage, fmt::format("a token type is not one of the {}", sizes.types));
}

Values embed_batch(const Graph& graph, const TokenBatch& batch, double epsilon) {
  std::vector<std::int64_t> ids = batch.ids;
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<std::int64_t> rows;
  for (const std::int64_t id : batch.ids) rows.push_back(std::ranges::lower_bound(ids, id) - ids.begin());
  return embed(graph.embeddings(ids), batch, rows, graph.positions(batch), epsilon);
}

Values vocabulary_scores(const Graph& graph, const Values& hidden, const Tensor& bias) {
  constexpr std::int64_t kPart = 4096;  // rows of the output matrix in memory at a time
  const std::int64_t vocabulary = graph.sizes().vocabulary;
  Values out{hidden.rows, vocabulary, std::vector<double>(static_cast<std::size_t>(hidden.rows * vocabulary))};
  for (std::int64_t first = 0; first < vocabulary; first += kPart) {
    const Values part = scores(hidden, graph.decoder_rows(first, std::min(kPart, vocabulary - first)));
    for (std::int64_t i = 0; i < out.rows; ++i) {
      for (std::int64_t j = 0; j < part.width; ++j) {
        out.data[static_cast<std::size_t>(i * vocabulary + first + j)] =
            part.data[static_cast<std::size_t>(i * part.width + j)] + bias.values[static_cast<std::size_t>(first + j)];
      }
    }
  }
  return out;
}

}  // namespace

std::vector<Stage> run(const Graph& graph, const TokenBatch& batch, std::span<const std::int64_t> masked_rows) {
  check(graph.sizes(), batch);
  const Semantics& semantics = graph.semantics();
  const double epsilon = semantics.epsilon.value;
  std::vector<Stage> stages{{"embeddings", embed_batch(graph, batch, epsilon)}};
  for (std::int64_t i = 0; i < graph.sizes().layers; ++i) {
    stages.push_back({fmt::format("layer {}", i), run_layer(graph.layer(i), stages.back().values, batch,
                                                            graph.sizes().heads, semantics.activation.value, epsilon)});
  }
  const Values hidden = stages.back().values;
  Values pooled;
  if (graph.has_pooler()) {
    pooled = pool(graph.pooler(), hidden, batch);
    stages.push_back({"pooled", pooled});
  }
  for (const Head head : graph.heads()) {
    if (head == Head::mlm) {
      std::vector<std::int64_t> rows(masked_rows.begin(), masked_rows.end());
      if (rows.empty()) {
        rows.resize(static_cast<std::size_t>(hidden.rows));
        std::iota(rows.begin(), rows.end(), 0);
      }
      const MaskedLm parameters = graph.masked_lm();
      const Values states =
          transform(parameters, hidden, rows, semantics.head_activation.value, semantics.head_epsilon.value);
      stages.push_back({"mlm", vocabulary_scores(graph, states, parameters.bias)});
      continue;
    }
    const bool each_token = head == Head::token_classifier || head == Head::span;
    if (graph.classifier_reads_pooled(head) && pooled.data.empty()) {
      throw Error(Errc::unmapped,
                  fmt::format("the head '{}' reads the pooled output, and there is no pooler", name(head)),
                  {.file = graph.model().display, .offset = {}, .tensor = {}});
    }
    const Values input = graph.classifier_reads_pooled(head) ? pooled
                         : each_token                        ? hidden
                                                             : first_tokens(hidden, batch);
    stages.push_back({std::string(name(head)), classify(graph.classifier(head), input)});
  }
  return stages;
}

}  // namespace transload::forward
