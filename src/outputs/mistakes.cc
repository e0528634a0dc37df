#include "outputs/mistakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/text.h"
#include "outputs/candidates.h"
#include "outputs/findings.h"
#include "outputs/neighbours.h"

namespace transload::outputs {
namespace {

using forward::Values;

class Finder {
 public:
  Finder(const Search& search, FirstBeyond beyond)
      : search_(search), stage_(beyond.stage), hidden_(std::move(beyond.before)), pooled_(std::move(beyond.pooled)) {}

  Diagnosis find() {
    for (; stage_ < search_.stages.size(); ++stage_) {
      search_.go_on();
      bool explained = true;
      with_loader(search_.stages[stage_], search_.inputs, [&](auto load) { explained = examine(load); });
      if (!explained) return unexplained();
    }
    Diagnosis diagnosis;
    if (!findings_.empty()) {
      diagnosis.mistake = describe(findings_, search_.stages) + "; with that put right the outputs agree";
    }
    return diagnosis;
  }

 private:
  // All batches, and for the embeddings one of full length besides, so that the whole table of positions is read.
  struct Feeds {
    std::vector<Feed> first, second;
    std::vector<std::vector<Place>> places;
    std::vector<std::size_t> order;  // the most telling of the short ones first
  };

  template <class Load>
  bool examine(Load load) {
    using Parameters = std::decay_t<decltype(load(*search_.first.graph))>;
    auto [first, second] = load_both(search_.first, search_.second, load);
    Rounding rounding;
    const Parameters gate = rounding.apply(std::move(first), second).gate;
    make_feeds(std::is_same_v<Parameters, forward::Embeddings>);
    targets_.clear();
    for (const Feed& feed : feeds_.first) targets_.push_back(run(gate, search_.judged.first, feed));
    const bool explained = agrees(second, nullptr) || explain(gate, second, load);
    bool output_explained = true;
    if constexpr (std::is_same_v<Parameters, forward::MaskedLm>) {
      if (explained) output_explained = examine_output(gate, second);
    }
    if (!explained) note_other_values(gate, second);
    advance();
    return explained && output_explained;
  }

  template <class Parameters, class Load>
  bool explain(const Parameters& first, Parameters& second, Load load) {
    Patient<Parameters> patient{&first, &second, search_.judged.first, search_.judged.second, 0, 0};
    patient.positions = search_.second.graph->sizes().positions;
    if (!probe_rows_[1].empty()) patient.first_position_row = probe_rows_[1].front();
    if (try_all(candidates(patient), second)) return true;
    if (try_neighbours(second)) return true;
    if constexpr (std::is_same_v<Parameters, forward::Layer>) return try_other_layers(load);
    return false;
  }

  template <class Parameters>
  bool try_all(std::vector<Repair> repairs, Parameters& second) {
    std::stable_partition(repairs.begin(), repairs.end(), [&](const Repair& repair) { return was_found(repair.what); });
    for (const Repair& repair : repairs) {
      search_.go_on();
      const Repaired repaired(repair);
      if (!agrees(second, &repair)) continue;
      findings_.push_back({stage_, repair.what});
      return true;
    }
    return false;
  }

  // Modules of other stages that have the same shape.
  template <class Parameters>
  bool try_neighbours(Parameters& second) {
    const Stage& stage = search_.stages[stage_];
    // The earlier stage is named first, so that the same exchange has the same text seen from both sides.
    const Look look = [&](Stage::Kind kind, const std::vector<Module>& others) {
      std::vector<Module> own = modules(second);
      if (stage.kind == Stage::Kind::layer) {
        for (Module& module : own) module.name += fmt::format(" of {}", stage.name);
      }
      return try_all(kind < stage.kind ? exchanges(others, own) : exchanges(own, others), second);
    };
    return for_each_neighbour(*search_.second.graph, stage, search_.inputs, look);
  }

  template <class Load>
  bool try_other_layers(Load) {
    const std::int64_t layers = search_.second.graph->sizes().layers;
    for (std::int64_t i = 0; i < layers; ++i) {
      if (i == search_.stages[stage_].layer) continue;
      search_.go_on();
      const forward::Layer other = search_.second.graph->layer(i);
      if (!agrees(other, nullptr)) continue;
      findings_.push_back({stage_, "the layers stand in another order"});
      return true;
    }
    return false;
  }

  bool was_found(const std::string& what) const {
    return std::ranges::find(findings_, what, &Finding::what) != findings_.end();
  }

  template <class Parameters>
  bool agrees(const Parameters& second, const Repair* repair) const {
    const Settings& settings = repair != nullptr && repair->settings ? *repair->settings : search_.judged.second;
    for (const std::size_t i : feeds_.order) {
      const Values values = run(second, settings, feeds_.second[i]);
      std::vector<Place> places = feeds_.places[i];
      if constexpr (std::is_same_v<Parameters, forward::Embeddings>) {
        if (repair != nullptr && repair->leaves_gaps) leave_out_gaps(second, feeds_.second[i], places);
      }
      Comparison comparison("");
      comparison.add(targets_[i], values, places, "");
      if (!comparison.result(search_.gate).within) return false;
    }
    return true;
  }

  static void leave_out_gaps(const forward::Embeddings& second, const Feed& feed, std::vector<Place>& places) {
    const forward::Tensor& table = second.positions;
    std::erase_if(places, [&](const Place& place) {
      const std::int64_t row = feed.position_rows[static_cast<std::size_t>(place.row)];
      return std::isnan(table.values[static_cast<std::size_t>(row * table.columns)]);
    });
  }

  // The matrix to the vocabulary and its bias, value by value: what a model computes with them needs no running.
  bool examine_output(const forward::MaskedLm& first, const forward::MaskedLm& second) {
    if (first.bias.values != second.bias.values) {
      notes_.push_back("mlm: the bias over the vocabulary holds other values");
      return false;
    }
    bool same = true, words = true;
    const std::int64_t vocabulary = search_.first.graph->sizes().vocabulary;
    for (std::int64_t row = 0; row < vocabulary && words; row += kDecoderRows) {
      search_.go_on();
      const std::int64_t count = std::min(kDecoderRows, vocabulary - row);
      auto [ours, theirs] = load_both(search_.first, search_.second,
                                      [&](const forward::Graph& graph) { return graph.decoder_rows(row, count); });
      round_like(ours, theirs);
      if (ours.values == theirs.values) continue;
      same = false;
      std::vector<std::int64_t> ids;
      for (std::int64_t id = row; id < row + count; ++id) ids.push_back(id);
      words = search_.second.graph->embeddings(ids).words.values == ours.values;
    }
    if (same) return true;
    if (!words) {
      notes_.push_back("mlm: the matrix to the vocabulary holds other values");
      return false;
    }
    findings_.push_back(
        {stage_, "the matrix to the vocabulary is not the word embeddings, as it is in the first model"});
    return true;
  }

  // A table that one model lacks counts as zeros.
  static bool equal(const forward::Tensor& a, const forward::Tensor& b) {
    if (!a.empty() && !b.empty()) return a.values == b.values;
    return std::ranges::all_of(a.empty() ? b.values : a.values, [](double value) { return value == 0; });
  }

  template <class Parameters>
  void note_other_values(const Parameters& first, Parameters& second) {
    Parameters copy = first;
    const std::vector<Module> ours = modules(copy), theirs = modules(second);
    std::string names;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const bool one = !equal(*ours[i].first, *theirs[i].first);
      const bool two = ours[i].second != nullptr && !equal(*ours[i].second, *theirs[i].second);
      if (!one && !two) continue;
      const std::string_view part = ours[i].second == nullptr || (one && two) ? ""
                                    : ours[i].norm                            ? (one ? " (scale)" : " (shift)")
                                    : one                                     ? " (weight)"
                                                                              : " (bias)";
      names += fmt::format("{}{}{}", names.empty() ? "" : ", ", ours[i].name, part);
    }
    const std::string& stage = search_.stages[stage_].name;
    notes_.push_back(names.empty()
                         ? fmt::format("{}: no known mistake explains the difference; all values are the same", stage)
                         : fmt::format("{}: no known mistake explains the difference; other values than in the first "
                                       "model: {}",
                                       stage, names));
  }

  void make_feeds(bool embeddings) {
    feeds_ = {};
    const Stage& stage = search_.stages[stage_];
    const std::vector<TokenBatch>& batches = search_.inputs.batches;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const Values* hidden = hidden_.empty() ? nullptr : &hidden_[i];
      const Values* pooled = pooled_.empty() ? nullptr : &pooled_[i];
      feeds_.first.push_back(search_.first.feed(search_.inputs, stage, i, hidden, pooled));
      feeds_.second.push_back(search_.second.feed(search_.inputs, stage, i, hidden, pooled));
      feeds_.places.push_back(places_of(stage, batches[i]));
      if (stage.kind != Stage::Kind::mlm) continue;
      std::int64_t row = 0;  // the values are only those of the places
      for (Place& place : feeds_.places.back()) place.row = row++;
    }
    if (embeddings) add_probe();
    for (std::size_t i = 0; i < feeds_.places.size(); ++i) feeds_.order.push_back(i);
    const auto cost = [&](std::size_t i) {
      const std::size_t places = feeds_.places[i].size();
      return places < 8 ? 1'000'000 - places : places;  // too short to tell a query from a key
    };
    std::ranges::stable_sort(feeds_.order, {}, cost);
  }

  void add_probe() {
    const std::int64_t length = search_.second.graph->sizes().positions;
    probe_ = {"all positions", 1, length, {}, {}, {}};
    probe_.ids.assign(static_cast<std::size_t>(length), search_.inputs.batches.front().ids.front());
    probe_words_ = rows_among(probe_, search_.inputs.ids);
    probe_rows_[0] = search_.first.graph->positions(probe_);
    probe_rows_[1] = search_.second.graph->positions(probe_);
    feeds_.first.push_back({&probe_, probe_words_, probe_rows_[0], nullptr, nullptr, false});
    feeds_.second.push_back({&probe_, probe_words_, probe_rows_[1], nullptr, nullptr, false});
    feeds_.places.push_back(token_places(probe_));
  }

  // The next stage of either model reads what the first computed.
  void advance() {
    const Stage& stage = search_.stages[stage_];
    targets_.resize(search_.inputs.batches.size());
    if (stage.kind == Stage::Kind::embeddings || stage.kind == Stage::Kind::layer) hidden_ = std::move(targets_);
    if (stage.kind == Stage::Kind::pooled) pooled_ = std::move(targets_);
  }

  Diagnosis unexplained() {
    Diagnosis diagnosis{{}, std::move(notes_)};
    if (!findings_.empty()) {
      diagnosis.notes.push_back(describe(findings_, search_.stages) + "; but that is not all");
    }
    return diagnosis;
  }

  const Search& search_;
  std::size_t stage_;
  std::vector<Values> hidden_, pooled_, targets_;
  Feeds feeds_;
  TokenBatch probe_;
  std::vector<std::int64_t> probe_words_, probe_rows_[2];
  std::vector<Finding> findings_;
  std::vector<std::string> notes_;
};

}  // namespace

Diagnosis find_mistake(const Search& search, FirstBeyond beyond) { return Finder(search, std::move(beyond)).find(); }

}  // namespace transload::outputs
