#include "transload/prove_outputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "outputs/lockstep.h"
#include "outputs/mistakes.h"
#include "outputs/tables.h"
#include "transload/error.h"

namespace transload {
namespace {

using namespace outputs;
using forward::Head;

// Sizes that the tensors show: models that differ in them are not the same model, and cannot be run on the same ids.
void check_sizes(const Model& first, const Model& second, const forward::Sizes& a, const forward::Sizes& b) {
  std::vector<std::string> problems;
  const auto check = [&](std::string_view what, std::int64_t x, std::int64_t y) {
    if (x != y) problems.push_back(fmt::format("{}: {} and {}", what, x, y));
  };
  check("layers", a.layers, b.layers);
  check("width of the hidden states", a.hidden, b.hidden);
  check("width of the feed-forward layers", a.inner, b.inner);
  check("words of the vocabulary", a.vocabulary, b.vocabulary);
  check("positions", a.positions, b.positions);
  if (a.types > 1 && b.types > 1) check("token types", a.types, b.types);
  if (problems.empty()) return;
  throw Error(Errc::mismatch, fmt::format("is not of the size of '{}': {}", first.display, problems.front()),
              {.file = second.display, .offset = {}, .tensor = {}}, "compare a model with its own conversion")
      .add(problems.size() > 1 ? problems : std::vector<std::string>());
}

// How many attention heads there are is nowhere in the tensors.
void check_heads(const forward::Sizes& a, const forward::Sizes& b, std::vector<std::string>& contradictions) {
  if (a.heads == b.heads) return;
  contradictions.push_back(fmt::format(
      "attention heads: {} in the first model, {} in the second; only their configurations can say", a.heads, b.heads));
}

// Whether the head is only another way to read one that is compared, or spoken of, as itself.
bool is_other_reading(const forward::Graph& graph, const forward::Graph& other, Head head) {
  if (graph.tells_classifiers_apart() || other.has(head)) return false;
  return head == Head::token_classifier || (head == Head::classifier && other.has(Head::token_classifier));
}

void note_what_one_has(const forward::Graph& first, const forward::Graph& second, std::vector<std::string>& notes) {
  const auto note = [&](bool has_first, bool has_second, std::string_view what) {
    if (has_first == has_second) return;
    notes.push_back(fmt::format("only the {} model has {}: it is not compared", has_first ? "first" : "second", what));
  };
  note(first.has_pooler(), second.has_pooler(), "a pooler");
  for (const Head head : {Head::mlm, Head::nsp, Head::classifier, Head::token_classifier, Head::span}) {
    const bool in_first = first.has(head) && !is_other_reading(first, second, head);
    const bool in_second = second.has(head) && !is_other_reading(second, first, head);
    note(in_first, in_second, fmt::format("the head {}", forward::name(head)));
    if (!in_first || !in_second) continue;
    const bool without = lacks_pooler(first, head);
    if (!without && !lacks_pooler(second, head)) continue;
    notes.push_back(
        fmt::format("the head {} reads the pooled output, and the {} model has no pooler: it is not compared",
                    forward::name(head), without ? "first" : "second"));
  }
}

void note_types(const forward::Sizes& a, const forward::Sizes& b, std::vector<std::string>& notes) {
  const std::int64_t most = std::max(a.types, b.types), least = std::min(a.types, b.types);
  if (most < 2 || least >= 2) return;
  notes.push_back(fmt::format("only the {} model has {} token types: both are run with type 0 only",
                              a.types == most ? "first" : "second", most));
}

// Of the classifiers that both have.
void check_labels(const forward::Graph& first, const forward::Graph& second, const std::vector<Stage>& stages) {
  for (const Stage& stage : stages) {
    if (stage.kind != Stage::Kind::classifier) continue;
    const forward::Tensor a = first.classifier(stage.head).output.weight,
                          b = second.classifier(stage.head).output.weight;
    if (a.rows == b.rows) continue;
    throw Error(Errc::mismatch,
                fmt::format("the head {} has {} labels, and that of '{}' has {}", stage.name, b.rows,
                            first.model().display, a.rows),
                {.file = second.model().display, .offset = {}, .tensor = b.name},
                "compare a model with its own conversion");
  }
}

Limits limits_between(const forward::Graph& first, const forward::Graph& second) {
  const forward::Sizes &x = first.sizes(), &y = second.sizes();
  Limits limits{x.vocabulary, x.positions, std::min(x.types, y.types), {}};
  for (const forward::Graph* graph : {&first, &second}) {
    if (graph->padding()) limits.padding.push_back(*graph->padding());
  }
  return limits;
}

std::uint64_t count_tokens(const std::vector<TokenBatch>& batches) {
  std::uint64_t tokens = 0;
  for (const TokenBatch& batch : batches) tokens += token_places(batch).size();
  return tokens;
}

}  // namespace

outputs::Limits outputs::limits_of(const Model& first, const Model& second) {
  const Side a(first), b(second);
  const forward::Sizes &x = a.graph->sizes(), &y = b.graph->sizes();
  check_sizes(first, second, x, y);
  return limits_between(*a.graph, *b.graph);
}

OutputsProof prove_outputs(const Model& first, const Model& second, const OutputsOptions& options) {
  Side a(first), b(second);
  const forward::Sizes &x = a.graph->sizes(), &y = b.graph->sizes();
  check_sizes(first, second, x, y);

  OutputsProof proof;
  const Limits limits = limits_between(*a.graph, *b.graph);
  const bool own = !options.inputs.empty();
  std::vector<TokenBatch> batches = own ? options.inputs : default_inputs(limits, options.longest);
  check_inputs(batches, limits);
  const std::function<void()> go_on = [&] {
    if (options.stop.stop_requested()) throw Error(Errc::usage, "stopped");
  };
  for (TokenBatch& batch : batches_for_other_rows(*a.graph, *b.graph, batches, go_on)) {
    batches.push_back(std::move(batch));
  }
  proof.tokens = count_tokens(batches);
  const Inputs inputs = make_inputs(std::move(batches));
  a.prepare(inputs);
  b.prepare(inputs);

  const std::vector<Stage> stages = common_stages(*a.graph, *b.graph);
  check_labels(*a.graph, *b.graph, stages);
  const bool with_mlm = std::ranges::any_of(stages, [](const Stage& each) { return each.kind == Stage::Kind::mlm; });
  const Judged judged = judge(*a.graph, *b.graph, with_mlm);
  proof.contradictions = judged.contradictions;
  check_heads(x, y, proof.contradictions);
  note_what_one_has(*a.graph, *b.graph, proof.notes);
  note_types(x, y, proof.notes);

  std::uint64_t done = 0;
  check_tie(*a.graph, proof.contradictions, proof.notes, go_on);
  check_tie(*b.graph, proof.contradictions, proof.notes, go_on);
  forward::set_threads(options.threads);
  const Gate gate{options.gate, options.atol};
  LockstepResult result = run_lockstep(a, b, inputs, stages, judged, gate, [&] {
    if (options.progress) options.progress(++done, stages.size());
    go_on();
  });
  proof.stages = std::move(result.stages);
  proof.variants = std::move(result.variants);
  proof.rounding = result.rounding;
  if (!result.beyond) return proof;

  if (result.second_stores_more) {
    proof.notes.push_back(
        "the second model stores more bits than the first: if the first is the one that was rounded, name it second");
  }
  if (options.find_mistake) {
    Diagnosis diagnosis = find_mistake({a, b, inputs, stages, judged, gate, go_on}, std::move(*result.beyond));
    proof.mistake = std::move(diagnosis.mistake);
    for (std::string& note : diagnosis.notes) proof.notes.push_back(std::move(note));
  }
  return proof;
}

}  // namespace transload
