#include "mapping/sizes.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "core/text.h"
#include "mapping/stored.h"

namespace transload::mapping {
namespace {

std::string expectation(const std::vector<AxisRule>& rules, const Dims& dims) {
  std::vector<std::string> extents;
  std::set<std::string> reasons;
  for (const AxisRule& rule : rules) {
    const std::optional<std::int64_t> extent = evaluate(rule, dims);
    extents.push_back(extent ? std::to_string(*extent) : "?");
    for (const Size& size : rule.sizes) {
      for (const char letter : {size.name, size.over}) {
        if (letter == 0) continue;
        const std::string reason = dims.reasons({.times = 1, .name = letter, .over = 0, .plus = 0});
        if (!reason.empty()) reasons.insert(reason);
      }
    }
  }
  std::string text = fmt::format("[{}]", fmt::join(extents, ", "));
  if (!reasons.empty()) text += fmt::format(" ({})", fmt::join(reasons, "; "));
  return text;
}

}  // namespace

void unify(const Family& family, const std::vector<ShapedTensor>& tensors, Dims& dims, Problems& problems) {
  std::map<const Stored*, std::vector<AxisRule>> rules;
  for (const ShapedTensor& each : tensors) {
    if (!rules.contains(each.stored)) rules.emplace(each.stored, axis_rules(family, *each.stored));
  }
  // A size such as H/A may need another tensor's H first: at most one round per letter.
  for (bool learned = true; learned;) {
    learned = false;
    for (const ShapedTensor& each : tensors) {
      const std::vector<AxisRule>& own = rules.at(each.stored);
      if (own.size() != each.tensor->shape.size()) continue;
      for (std::size_t i = 0; i < own.size(); ++i) {
        learned =
            solve(own[i], each.tensor->shape[i], dims, fmt::format("'{}'", shortened(each.tensor->name))) || learned;
      }
    }
  }
  for (const ShapedTensor& each : tensors) {
    const std::vector<AxisRule>& own = rules.at(each.stored);
    bool fits = own.size() == each.tensor->shape.size();
    for (std::size_t i = 0; fits && i < own.size(); ++i) fits = evaluate(own[i], dims) == each.tensor->shape[i];
    if (!fits) {
      problems.add(Errc::mismatch, each.tensor->name,
                   fmt::format("has shape {}; expected {}", to_string(each.tensor->shape), expectation(own, dims)));
    }
  }
}

}  // namespace transload::mapping
