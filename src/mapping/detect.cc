#include <fmt/format.h>

#include <algorithm>

#include "mapping/bind.h"
#include "mapping/builtin.h"
#include "mapping/config.h"
#include "mapping/family.h"
#include "mapping/published.h"
#include "transload/error.h"
#include "transload/mapping.h"

namespace transload {
namespace {

using mapping::Family;

struct Candidate {
  const Family* family;
  std::size_t dialect;
  mapping::Fit fit;
};

// The families and dialects whose names fit best, each family once.
std::vector<Candidate> by_names(const Index& index, const DetectOptions& options) {
  std::vector<Candidate> best;
  for (const std::string_view name : builtin_families()) {
    const Family& family = *mapping::builtin_family(name);
    if (!options.family.empty() && options.family != name) continue;
    if (!options.to_dialect.empty() && !family.dialect_index(options.to_dialect)) continue;
    for (std::size_t d = 0; d < family.dialects.size(); ++d) {
      if (!options.dialect.empty() && options.dialect != family.dialect_names[d]) continue;
      const Candidate each{&family, d, mapping::fit(family, index, family.dialect_names[d])};
      const auto better = [](const mapping::Fit& a, const mapping::Fit& b) {
        return a.named > b.named || (a.named == b.named && a.whole > b.whole);
      };
      if (each.fit.named <= 0 || (!best.empty() && better(best.front().fit, each.fit))) continue;
      if (!best.empty() && better(each.fit, best.front().fit)) best.clear();
      if (best.empty() || best.back().family != &family) best.push_back(each);
    }
  }
  return best;
}

// Whether the sizes are those of one published model of the family.
const mapping::Published* published(const Candidate& candidate, const Index& index) {
  if (candidate.family->published.empty()) return nullptr;
  BindOptions options;
  options.dialect = candidate.family->dialect_names[candidate.dialect];
  try {
    return mapping::published_as(*candidate.family, candidate.dialect,
                                 mapping::bind(*candidate.family, index, options).config);
  } catch (const Error&) {
    return nullptr;  // not even bound: what is wrong is said when it is bound for good
  }
}

Detected chosen(const Candidate& candidate, std::string note = {}) {
  return {candidate.family->name, candidate.family->dialect_names[candidate.dialect], {}, std::move(note)};
}

// Those that the configuration speaks for most.
std::vector<Candidate> by_config(const std::vector<Candidate>& candidates, const std::string& config) {
  std::vector<Candidate> best;
  std::size_t signs = 0;
  for (const Candidate& candidate : candidates) {
    const std::size_t own = mapping::told_by(*candidate.family, config)->signs;
    if (own < signs) continue;
    if (own > signs) best.clear();
    signs = own;
    best.push_back(candidate);
  }
  return best;
}

}  // namespace

Detected detect(const Index& index, const DetectOptions& options) {
  std::vector<Candidate> candidates = by_names(index, options);
  if (options.config_json) {
    std::erase_if(candidates,
                  [&](const Candidate& each) { return !mapping::told_by(*each.family, *options.config_json); });
  }
  if (candidates.empty()) return {};
  if (candidates.size() == 1) return chosen(candidates.front());

  const std::vector<Candidate> told = options.config_json ? by_config(candidates, *options.config_json) : candidates;
  if (told.size() == 1 && !mapping::told_by(*told.front().family, *options.config_json)->by_absence) {
    return chosen(told.front());
  }

  std::vector<Candidate> fitting;
  for (const Candidate& candidate : candidates) {
    if (published(candidate, index) != nullptr) fitting.push_back(candidate);
  }
  if (fitting.size() == 1) {
    return chosen(fitting.front(), fmt::format("the sizes are those of {}: it is taken for a {}",
                                               published(fitting.front(), index)->name, fitting.front().family->name));
  }
  if (told.size() == 1) {
    return chosen(told.front(),
                  fmt::format("by what its configuration lacks it is taken for a {}; --family says otherwise",
                              told.front().family->name));
  }
  for (const Candidate& base : told) {
    const bool all = std::ranges::all_of(told, [&](const Candidate& each) {
      return each.family == base.family || each.family->base == base.family->name;
    });
    if (all) return chosen(base);
  }
  Detected undecided;
  for (const Candidate& candidate : told) undecided.undecided.push_back(candidate.family->name);
  return undecided;
}

}  // namespace transload
