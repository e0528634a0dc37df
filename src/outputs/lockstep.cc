#include "outputs/lockstep.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace transload::outputs {
namespace {

using forward::Values;
using AllValues = std::vector<Values>;  // one per batch

// One way of running one of the models. A stream that computes as another one does shares its values: `apart` says
// that it has some of its own.
struct Stream {
  Settings settings;
  bool apart = true;
  AllValues hidden, pooled;
};

// What all streams made of one stage. Empty: the stream shares.
struct Computed {
  AllValues first, second, own;
  std::vector<AllValues> variants;
};

class Lockstep {
 public:
  Lockstep(const Side& first, const Side& second, const Inputs& inputs, const Judged& judged, const Gate& gate)
      : first_(first), second_(second), inputs_(inputs), gate_(gate) {
    a_.settings = own_.settings = judged.first;
    b_.settings = judged.second;
    own_.apart = false;
    for (const Disagreement& each : judged.variants) {
      result_.variants.push_back(each.variant);
      variants_.push_back({each.own, false, {}, {}});
    }
  }

  void run(const std::vector<Stage>& stages, const std::function<void()>& done) {
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const Stage& stage = stages[i];
      const bool body = stage.kind == Stage::Kind::embeddings || stage.kind == Stage::Kind::layer;
      Computed computed;
      with_loader(stage, inputs_, [&](auto load) { computed = compute(stage, load); });
      const bool within = judge(stage, computed);
      if (!within && !result_.beyond) result_.beyond = FirstBeyond{i, a_.hidden, a_.pooled};
      keep(stage, std::move(computed));
      const bool last_of_body = body && (i + 1 == stages.size() || stages[i + 1].kind != Stage::Kind::layer);
      if (last_of_body) measure_rounding();
      done();
    }
    result_.second_stores_more = rounding_.second_stores_more;
  }

  LockstepResult result() { return std::move(result_); }

 private:
  template <class Parameters>
  AllValues all(const Side& side, const Stage& stage, const Parameters& parameters, const Settings& settings,
                const Stream& read) {
    AllValues values;
    for (std::size_t i = 0; i < inputs_.batches.size(); ++i) {
      const Values* hidden = read.hidden.empty() ? nullptr : &read.hidden[i];
      const Values* pooled = read.pooled.empty() ? nullptr : &read.pooled[i];
      values.push_back(outputs::run(parameters, settings, side.feed(inputs_, stage, i, hidden, pooled)));
    }
    return values;
  }

  template <class Load>
  Computed compute(const Stage& stage, Load load) {
    using Parameters = std::decay_t<decltype(load(*first_.graph))>;
    auto [first, second] = load_both(first_, second_, load);
    const Rounded<Parameters> rounded = rounding_.apply(std::move(first), second);
    Computed computed;
    computed.first = all(first_, stage, rounded.gate, a_.settings, a_);
    computed.second = all(second_, stage, second, b_.settings, b_);
    const bool body = stage.kind == Stage::Kind::embeddings || stage.kind == Stage::Kind::layer;
    if (body && (rounded.own || own_.apart)) {
      computed.own = all(first_, stage, rounded.own ? *rounded.own : rounded.gate, a_.settings, own_.apart ? own_ : a_);
    }
    for (const Stream& variant : variants_) {
      computed.variants.emplace_back();
      if (!variant.apart && !differ<Parameters>(variant.settings, b_.settings)) continue;
      computed.variants.back() = all(second_, stage, second, variant.settings, variant.apart ? variant : b_);
    }
    if constexpr (std::is_same_v<Parameters, forward::MaskedLm>) {
      compute_logits(stage, rounded.gate.bias, second.bias, computed);
    }
    return computed;
  }

  // From the hidden states before the output matrix to logits: block by block, compared as they come, and not kept.
  void compute_logits(const Stage& stage, const forward::Tensor& first_bias, const forward::Tensor& second_bias,
                      const Computed& computed) {
    const Values a = joined(computed.first), b = joined(computed.second);
    std::vector<Values> varied;
    for (const AllValues& each : computed.variants) varied.push_back(each.empty() ? Values{} : joined(each));
    logits_ = std::make_unique<Comparison>(stage.name);
    std::vector<Comparison> effects(varied.size(), Comparison(stage.name));
    const std::int64_t vocabulary = first_.graph->sizes().vocabulary;
    for (std::int64_t row = 0; row < vocabulary; row += kDecoderRows) {
      const std::int64_t count = std::min(kDecoderRows, vocabulary - row);
      auto [first, second] =
          load_both(first_, second_, [&](const forward::Graph& graph) { return graph.decoder_rows(row, count); });
      round_like(first, second);
      const forward::Linear to_first{std::move(first), part(first_bias, row, count)};
      const forward::Linear to_second{std::move(second), part(second_bias, row, count)};
      const Values x = forward::linear(a, to_first), y = forward::linear(b, to_second);
      add(*logits_, x, y, row);
      for (std::size_t i = 0; i < varied.size(); ++i) {
        if (varied[i].rows > 0) add(effects[i], y, forward::linear(varied[i], to_second), row);
      }
    }
    for (std::size_t i = 0; i < varied.size(); ++i) {
      if (varied[i].rows > 0) show_most(effects[i].result({}), result_.variants[i]);
    }
  }

  static forward::Tensor part(const forward::Tensor& bias, std::int64_t first, std::int64_t count) {
    if (bias.empty()) return {};
    const auto from = bias.values.begin() + first;
    return {bias.name, bias.stored, 1, count, {from, from + count}};
  }

  static Values joined(const AllValues& values) {
    Values all;
    for (const Values& each : values) {
      all.rows += each.rows;
      all.width = each.width;
      all.data.insert(all.data.end(), each.data.begin(), each.data.end());
    }
    return all;
  }

  // Logits of all batches, one below the other.
  void add(Comparison& comparison, const Values& first, const Values& second, std::int64_t unit) const {
    std::int64_t row = 0;
    for (const TokenBatch& batch : inputs_.batches) {
      std::vector<Place> places = some_places(batch);
      for (Place& place : places) place.row = row++;
      comparison.add(first, second, places, batch.name, unit);
    }
  }

  Comparison compared(const Stage& stage, const AllValues& first, const AllValues& second) const {
    Comparison comparison(stage.name);
    for (std::size_t i = 0; i < inputs_.batches.size(); ++i) {
      const TokenBatch& batch = inputs_.batches[i];
      comparison.add(first[i], second[i], places_of(stage, batch), batch.name);
    }
    return comparison;
  }

  bool judge(const Stage& stage, const Computed& computed) {
    if (stage.kind == Stage::Kind::mlm) {
      result_.stages.push_back(logits_->result(gate_));
      return result_.stages.back().within;
    }
    result_.stages.push_back(compared(stage, computed.first, computed.second).result(gate_));
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      if (computed.variants[i].empty()) continue;
      show_most(compared(stage, computed.second, computed.variants[i]).result({}), result_.variants[i]);
    }
    return result_.stages.back().within;
  }

  static void show_most(const StageDifference& effect, Variant& variant) {
    if (!variant.stage.empty() && !(effect.relative() > variant.relative)) return;
    variant.effect = effect.largest;
    variant.relative = effect.relative();
    variant.stage = effect.stage;
  }

  // What the next stages read.
  void keep(const Stage& stage, Computed&& computed) {
    if (stage.kind == Stage::Kind::mlm || stage.kind == Stage::Kind::classifier) return;
    const bool pooled = stage.kind == Stage::Kind::pooled;
    const auto field = pooled ? &Stream::pooled : &Stream::hidden;
    a_.*field = std::move(computed.first);
    b_.*field = std::move(computed.second);
    if (!computed.own.empty()) {
      own_.*field = std::move(computed.own);
      own_.apart = true;
    }
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      if (computed.variants[i].empty()) continue;
      variants_[i].*field = std::move(computed.variants[i]);
      variants_[i].apart = true;
    }
  }

  void measure_rounding() {
    if (!rounding_.to || !own_.apart) return;
    RoundingCost cost{*rounding_.to, 0, 0, true};
    Comparison comparison("");
    for (std::size_t i = 0; i < inputs_.batches.size(); ++i) {
      const std::vector<Place> places = token_places(inputs_.batches[i]);
      comparison.add(own_.hidden[i], a_.hidden[i], places, "");
      cost.allclose = cost.allclose && all_close(own_.hidden[i], a_.hidden[i], places);
    }
    const StageDifference difference = comparison.result({});
    cost.largest = difference.largest;
    cost.relative = difference.relative();
    result_.rounding = cost;
  }

  const Side &first_, &second_;
  const Inputs& inputs_;
  Gate gate_;
  Rounding rounding_;
  Stream a_, b_;
  Stream own_;  // the first, not rounded
  std::vector<Stream> variants_;
  std::unique_ptr<Comparison> logits_;
  LockstepResult result_;
};

}  // namespace

LockstepResult run_lockstep(const Side& first, const Side& second, const Inputs& inputs,
                            const std::vector<Stage>& stages, const Judged& judged, const Gate& gate,
                            const std::function<void()>& done) {
  Lockstep lockstep(first, second, inputs, judged, gate);
  lockstep.run(stages, done);
  return lockstep.result();
}

}  // namespace transload::outputs
