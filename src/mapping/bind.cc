#include "mapping/bind.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.h"
#include "mapping/config.h"
#include "mapping/problems.h"
#include "mapping/published.h"
#include "mapping/refuse_site.h"
#include "mapping/site.h"
#include "mapping/sizes.h"

namespace transload::mapping {
namespace {

// Binds one checkpoint. Each step adds to the binding and to the problems; the last one throws if there are any.
class Binder {
 public:
  Binder(const Family& family, const Index& index, const BindOptions& options)
      : family_(family), index_(index), options_(options), skip_(index.tensors.size(), false) {}

  Binding bind() {
    if (options_.config_json) {
      config_ = read_config(family_, *options_.config_json,
                            options_.config_name.empty() ? "the configuration" : options_.config_name);
    }
    drop_by_glob();
    choose_site();
    claim();
    find_parts();
    find_layers();
    find_missing();
    find_sizes();
    settle_config();
    take_published();
    add_notes();
    problems_.throw_if_any();
    return std::move(binding_);
  }

 private:
  using Instance = std::pair<std::size_t, std::int64_t>;  // parameter, layer (-1: not repeated)

  const Dialect& dialect() const { return family_.dialects[dialect_]; }

  std::string full_name(const Stored& stored, std::int64_t layer) const {
    return fmt::format("{}{}{}{}{}", site_.container, site_.container.empty() ? "" : "/", site_.prefix,
                       stored.rooted ? site_.root : "", with_number(stored.name, layer));
  }

  void drop_by_glob() {
    for (const std::string& glob : options_.drop) {
      bool used = false;
      for (std::size_t t = 0; t < index_.tensors.size(); ++t) {
        if (!glob_matches(glob, index_.tensors[t].name)) continue;
        used = true;
        if (!skip_[t]) {
          binding_.drops.push_back({0, index_.tensors[t].name, fmt::format("dropped by --drop {}", escaped(glob))});
        }
        skip_[t] = true;
      }
      if (!used) binding_.notes.push_back(fmt::format("--drop {} matches no tensor", escaped(glob)));
    }
  }

  void choose_site() {
    if (!options_.dialect.empty() && !family_.dialect_index(options_.dialect)) {
      throw Error(Errc::usage, fmt::format("family '{}' has no dialect '{}'; it has {}", family_.name,
                                           shortened(options_.dialect), fmt::join(family_.dialect_names, ", ")));
    }
    std::vector<Site> best;
    std::size_t best_dialect = 0;
    for (std::size_t d = 0; d < family_.dialects.size(); ++d) {
      std::vector<Site> sites =
          find_sites(family_.dialects[d], looked_up_names(family_.dialects[d].flat_names, index_), skip_);
      if (!sites.empty() && (best.empty() || sites.front().names > best.front().names)) {
        best = std::move(sites);
        best_dialect = d;
      }
    }
    dialect_ = options_.dialect.empty() ? best_dialect : *family_.dialect_index(options_.dialect);
    names_ = looked_up_names(dialect().flat_names, index_);
    std::vector<Site> sites = dialect_ == best_dialect ? best : find_sites(dialect(), names_, skip_);
    const auto usual = [&](const Site& site) { return in_usual_place(dialect(), site); };
    if (std::ranges::any_of(sites, usual)) std::erase_if(sites, std::not_fn(usual));
    if (sites.empty() || sites.front().rows * 2 < required_rows(family_, dialect_).size()) {
      refuse_unknown(sites, dialect_ != best_dialect && !best.empty() ? family_.dialect_names[best_dialect] : "");
    }
    if (!usual(sites.front())) refuse_odd_place(family_, dialect(), sites.front());
    if (sites.size() > 1 && sites[1].names * 2 >= sites[0].names) refuse_two(sites[0], sites[1]);
    site_ = sites.front();
    binding_.family = family_.name;
    binding_.dialect = dialect().name;
    binding_.root = site_.root;
    binding_.prefix = site_.prefix;
    binding_.container = site_.container;
  }

  [[noreturn]] void refuse_unknown(const std::vector<Site>& sites, const std::string& better) const {
    if (nameless(index_)) {
      throw Error(Errc::unmapped, "holds a list of arrays without names: nothing says which tensor is which", {},
                  "save it again with names, as Block.save_parameters() does");
    }
    const std::string which = options_.dialect.empty()
                                  ? fmt::format("{} ({})", family_.name, fmt::join(family_.dialect_names, ", "))
                                  : fmt::format("{} of dialect {}", family_.name, dialect().name);
    const std::string message =
        fmt::format("holds no state_dict of a {}: {} of its {} tensors {} such a name", which,
                    sites.empty() ? "none" : fmt::format("only {}", sites.front().names), index_.tensors.size(),
                    sites.empty() || sites.front().names == 1 ? "has" : "have");
    Error error(Errc::unmapped, message, {},
                better.empty()
                    ? "transload inspect PATH lists the names; --family, --from and --key choose how they are read"
                    : fmt::format("its names are those of dialect {}: --from {}", better, better));
    throw error;
  }

  // Step 1: every tensor is claimed, dropped, or a problem.
  void claim() {
    std::vector<std::size_t> unclaimed;
    bool old_names = false, flat_names = false;
    for (std::size_t t = 0; t < index_.tensors.size(); ++t) {
      if (skip_[t]) continue;
      const std::string& name = names_[t];
      const std::optional<std::string_view> stripped = site_.strip(name);
      if (outside(name)) {
        binding_.drops.push_back({0, index_.tensors[t].name, outside_reason()});
      } else if (const auto row = stripped ? row_of(dialect(), site_, *stripped) : std::nullopt) {
        const Stored& stored = dialect().stored[row->stored];
        old_names = old_names || has_old_name(name);
        flat_names = flat_names || name != index_.tensors[t].name;
        claim_members(t, stored, row->layer);
      } else if (const DropRule* rule = stripped ? drop_rule(dialect(), *stripped) : nullptr) {
        binding_.drops.push_back({0, index_.tensors[t].name, rule->reason});
      } else {
        unclaimed.push_back(t);
      }
    }
    if (old_names) binding_.notes.push_back("old names (gamma, beta) are read, today's are written");
    if (flat_names)
      binding_.notes.push_back("flat names (export, Module, save_params) are read as save_parameters has them");
    unclaimed_ = std::move(unclaimed);
  }

  bool has_old_name(std::string_view name) const {
    return std::ranges::any_of(dialect().old_names, [&](const auto& ends) { return name.ends_with(ends.first); });
  }

  // Beside the state_dict: epochs, optimizers.
  bool outside(std::string_view name) const {
    if (!site_.container.empty()) {
      return !name.starts_with(site_.container) || name.size() <= site_.container.size() ||
             name[site_.container.size()] != '/';
    }
    return dialect().separator != '/' && name.find('/') != name.npos;
  }
  std::string outside_reason() const {
    return site_.container.empty()
               ? "outside of the state_dict at the top: not carried over"
               : fmt::format("outside of the state_dict '{}': not carried over", escaped(site_.container));
  }

  void claim_members(std::size_t tensor, const Stored& stored, std::int64_t layer) {
    const TensorInfo& info = index_.tensors[tensor];
    const DTypeKind kind = transload::info(info.dtype).kind;
    if (kind != DTypeKind::floating && kind != DTypeKind::opaque) {
      problems_.add(Errc::mismatch, info.name, fmt::format("is {}, where weights are expected", name(info.dtype)));
      unusable_.insert(tensor);
    }
    for (const std::size_t member : stored.members) {
      const auto [at, added] = claimed_.emplace(Instance{member, layer}, tensor);
      if (!added) {
        problems_.add(
            Errc::mismatch, info.name,
            fmt::format("is the same tensor as '{}' under another name", shortened(index_.tensors[at->second].name)));
        unusable_.insert(tensor);
        continue;
      }
      binding_.claims.push_back({tensor, with_number(family_.parameters[member].name, layer)});
    }
  }

  // Step 2: which parts the model has.
  void find_parts() {
    present_.assign(family_.parts.size(), false);
    for (std::size_t p = 0; p < family_.parts.size(); ++p) present_[p] = family_.parts[p].required;
    for (const auto& [instance, tensor] : claimed_) present_[family_.parameters[instance.first].part] = true;
    for (std::size_t p = 0; p < family_.parts.size(); ++p) {
      if (present_[p]) binding_.parts.push_back(family_.parts[p].name);
    }
  }

  // Step 3: the layers, from the names. Never a loop over a number that a file claims.
  void find_layers() {
    if (family_.layers == 0) return;
    std::set<std::int64_t> layers;
    for (const auto& [instance, tensor] : claimed_) {
      if (instance.second >= 0) layers.insert(instance.second);
    }
    layers_.assign(layers.begin(), layers.end());
    std::int64_t expected = 0;
    for (const std::int64_t layer : layers_) {
      if (layer == expected + 1) {
        problems_.add(Errc::unmapped, "", fmt::format("layer {} is missing", expected));
      } else if (layer > expected) {
        problems_.add(Errc::unmapped, "", fmt::format("layers {} to {} are missing", expected, layer - 1));
      }
      expected = layer + 1;
    }
    if (layers_.empty()) problems_.add(Errc::unmapped, "", "has no layer");
    const std::string key(1, family_.layers);
    if (config_ && config_->values.contains(key) && !layers_.empty()) {
      const std::int64_t said = std::stoll(config_->values.at(key));
      if (said != expected) {
        problems_.add(Errc::mismatch, "",
                      fmt::format("{} = {}, but the tensors' names show {} layer{}", said_by(key), said, expected,
                                  expected == 1 ? "" : "s"));
      }
    }
    if (!layers_.empty()) dims_.set(family_.layers, expected, "the tensors' names");
  }

  // Step 4: what a part that is there lacks.
  void find_missing() {
    std::set<std::string> reported;
    for (const Section& section : family_.sections) {
      for (const std::int64_t layer : section.repeated ? layers_ : std::vector<std::int64_t>{-1}) {
        for (std::size_t p = section.begin; p < section.end; ++p) {
          const Parameter& parameter = family_.parameters[p];
          const Cell& cell = parameter.cells[dialect_];
          if (!present_[parameter.part] || parameter.tie || cell.kind != Cell::Kind::stored || source_of(p, layer))
            continue;
          const std::string name = full_name(dialect().stored[cell.stored], layer);
          if (!reported.insert(name).second) continue;
          problems_.add(Errc::unmapped, name,
                        family_.parts[parameter.part].required
                            ? "is missing"
                            : fmt::format("is missing, while other tensors of '{}' are there",
                                          family_.parts[parameter.part].name));
        }
      }
    }
    report_unclaimed();
  }

  // The tensor of a parameter, or of one that is tied to it.
  std::optional<std::size_t> source_of(std::size_t parameter, std::int64_t layer) const {
    if (const auto own = claimed_.find({parameter, layer}); own != claimed_.end()) return own->second;
    for (std::size_t q = 0; q < family_.parameters.size(); ++q) {
      if (family_.parameters[q].tie != parameter) continue;
      if (const auto tied = claimed_.find({q, layer}); tied != claimed_.end()) return tied->second;
    }
    return std::nullopt;
  }

  void report_unclaimed() {
    for (const std::size_t t : unclaimed_) {
      if (options_.drop_unknown) {
        binding_.drops.push_back({0, index_.tensors[t].name, "no rule knows it"});
        continue;
      }
      problems_.add(Errc::unmapped, index_.tensors[t].name, fmt::format("is no tensor of a {} model", family_.name));
    }
    for (const LeftOut& left_out : index_.left_out) {
      const bool dropped = std::any_of(options_.drop.begin(), options_.drop.end(),
                                       [&](const std::string& glob) { return glob_matches(glob, left_out.tensor); });
      if (!dropped && !outside(left_out.tensor)) {
        problems_.add(Errc::unsupported, left_out.tensor, fmt::format("cannot be carried: {}", left_out.reason));
      }
    }
    if (!unclaimed_.empty() || !index_.left_out.empty()) {
      const bool dense = std::ranges::any_of(index_.left_out, [](const LeftOut& left_out) {
        return left_out.reason == "is quantised" || left_out.reason.starts_with("is sparse (");
      });
      problems_.advise(dense ? "--dense makes sparse and quantised tensors dense; --drop 'GLOB' leaves tensors out"
                             : "--drop 'GLOB' leaves tensors out, and records it");
    }
  }

  // Step 5: the sizes, from the configuration first, then from the shapes.
  void find_sizes() {
    if (config_) {
      for (const ConfigKey& key : family_.config) {
        if (key.check != ConfigKey::Check::size || !config_->values.contains(key.name) || key.name[0] == family_.layers)
          continue;
        dims_.set(key.name[0], std::stoll(config_->values.at(key.name)), said_by(key.name));
      }
    }
    std::vector<ShapedTensor> shaped;
    for (const auto& [instance, tensor] : claimed_) {
      const Stored& stored = dialect().stored[family_.parameters[instance.first].cells[dialect_].stored];
      if (stored.members.front() == instance.first && !unusable_.contains(tensor)) {
        shaped.push_back({&stored, &index_.tensors[tensor]});
      }
    }
    unify(family_, shaped, dims_, problems_);
    for (const ConfigKey& key : family_.config) {
      if (key.divides.empty()) continue;
      const auto& divisor = dims_.at(key.name[0]);
      const auto& whole = dims_.at(key.divides[0]);
      if (divisor && whole && whole->value % divisor->value != 0) {
        problems_.add(Errc::mismatch, "",
                      fmt::format("{} = {} by {} does not divide {} = {} by {}", key.name, divisor->value,
                                  divisor->origin, key.divides, whole->value, whole->origin));
      }
    }
  }

  std::string said_by(const std::string& key) const {
    const auto spelt = config_->spelt.find(key);
    return fmt::format("\"{}\" in {}", spelt == config_->spelt.end() ? key : spelt->second, escaped(config_->file));
  }

  // Step 6: all that is known, and whether the configuration and the parts agree.
  void settle_config() {
    if (config_) binding_.config = config_->values;
    for (const ConfigKey& key : family_.config) {
      if (key.check == ConfigKey::Check::size && dims_.at(key.name[0])) {
        binding_.config[key.name] = std::to_string(dims_.at(key.name[0])->value);
      }
      const ConfigCell& cell = key.cells[dialect_];
      if (cell.fixed) binding_.config.try_emplace(key.name, *cell.fixed);
    }
    if (config_ && !config_->classes.empty())
      binding_.config["architectures"] = nlohmann::json(config_->classes).dump();
    for (const Agreement& agreement : family_.agreements) {
      const auto known = binding_.config.find(agreement.key);
      if (known == binding_.config.end()) continue;
      const auto& values = agreement.values;
      const bool wanted = std::find(values.begin(), values.end(), known->second) != values.end();
      if (wanted == present_[agreement.part]) continue;
      problems_.add(Errc::mismatch, "",
                    fmt::format("{} is {}, but the tensors {} '{}'", said_by(agreement.key), known->second,
                                wanted ? "lack" : "have", family_.parts[agreement.part].name));
    }
  }

  // Step 7: without a configuration, what a published model of these sizes has.
  void take_published() {
    if (config_) return;
    const Published* model = published_as(family_, dialect_, binding_.config);
    if (model == nullptr) return;
    for (const auto& [key, value] : model->config) binding_.config.try_emplace(key, value);
    binding_.notes.push_back(
        fmt::format("no configuration: the sizes are those of {}, and it is taken for one", model->name));
  }

  void add_notes() {
    if (!site_.container.empty())
      binding_.notes.push_back(fmt::format("the model lies in '{}'", escaped(site_.container)));
    if (!site_.prefix.empty()) {
      binding_.notes.push_back(fmt::format("prefix '{}' stripped from the names", escaped(site_.prefix)));
    }
    for (const auto& [instance, tensor] : claimed_) {
      const std::optional<std::size_t> tie = family_.parameters[instance.first].tie;
      if (!tie) continue;
      const auto kept = claimed_.find({*tie, instance.second});
      if (kept != claimed_.end()) {
        binding_.equals.push_back({0, index_.tensors[kept->second].name, index_.tensors[tensor].name});
      } else {
        binding_.notes.push_back(fmt::format("'{}' stands for '{}', which is not there and shares its values",
                                             shortened(index_.tensors[tensor].name), family_.parameters[*tie].name));
      }
    }
  }

  const Family& family_;
  const Index& index_;
  const BindOptions& options_;
  std::optional<ReadConfig> config_;
  std::vector<bool> skip_;          // dropped by the user
  std::vector<std::string> names_;  // as they are looked up
  std::size_t dialect_ = 0;
  Site site_;
  Binding binding_;
  Problems problems_;
  std::map<Instance, std::size_t> claimed_;  // -> tensor
  std::set<std::size_t> unusable_;           // tensors with a problem of their own: their shapes say nothing
  std::vector<std::size_t> unclaimed_;
  std::vector<bool> present_;  // parts
  std::vector<std::int64_t> layers_;
  Dims dims_;
};

}  // namespace

Binding bind(const Family& family, const Index& index, const BindOptions& options) {
  return Binder(family, index, options).bind();
}

}  // namespace transload::mapping
