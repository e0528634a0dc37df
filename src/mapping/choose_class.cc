#include <fmt/format.h>

#include <algorithm>

#include "mapping/config.h"
#include "wire/json.h"

namespace transload::mapping {
namespace {

// How well a class fits: 2 exactly, 1 when only optional parts of the body are left over (a pooler beside a masked
// language model), 0 not at all.
int fit(const Family& family, const Model& model, const Binding& binding) {
  for (const auto& [letter, value] : model.dims) {
    const auto known = binding.config.find(std::string(1, letter));
    if (known == binding.config.end() || known->second != std::to_string(value)) return 0;
  }
  int fits = 2;
  for (std::size_t p = 0; p < family.parts.size(); ++p) {
    const Part& part = family.parts[p];
    if (part.required) continue;
    const bool has = std::find(binding.parts.begin(), binding.parts.end(), part.name) != binding.parts.end();
    const bool wants = std::find(model.parts.begin(), model.parts.end(), p) != model.parts.end();
    if (has && !wants) {
      const bool agreed = std::any_of(family.agreements.begin(), family.agreements.end(),
                                      [&](const Agreement& agreement) { return agreement.part == p; });
      if (!agreed) fits = part.head ? 0 : std::min(fits, 1);
    } else if (wants && !has) {
      // The first class is the bare model, which may lack its optional parts.
      fits = part.head || &model != &family.models.front() ? 0 : std::min(fits, 1);
    }
    if (fits == 0) return 0;
  }
  return fits;
}

}  // namespace

std::vector<std::string> known_classes(const Binding& binding) {
  const auto known = binding.config.find("architectures");
  if (known == binding.config.end()) return {};
  return wire::parse_json(known->second, "architectures").get<std::vector<std::string>>();
}

ChosenClass choose_class(const Family& family, const Binding& binding, const std::vector<std::string>& wanted) {
  for (const std::string& name : wanted) {
    for (const Model& model : family.models) {
      if (model.name == name && fit(family, model, binding) > 0) return {&model, ""};
    }
  }
  std::vector<const Model*> best;
  int best_fit = 1;
  for (const Model& model : family.models) {
    const bool contradicted = std::ranges::any_of(model.config, [&](const auto& entry) {
      const auto known = binding.config.find(entry.first);
      return known != binding.config.end() && known->second != entry.second;
    });
    if (contradicted) continue;
    const int fits = fit(family, model, binding);
    if (fits > best_fit) best.clear();
    if (fits >= best_fit) {
      best.push_back(&model);
      best_fit = fits;
    }
  }
  if (best.empty()) return {nullptr, "no class of transformers has exactly these parts: \"architectures\" is left out"};
  if (best.size() == 1) return {best.front(), ""};
  std::vector<std::string> others;
  for (std::size_t i = 1; i < best.size(); ++i) others.push_back(best[i]->name);
  return {best.front(),
          fmt::format("written as {}; the same tensors are those of {}: an \"architectures\" in --config F "
                      "chooses",
                      best.front()->name, fmt::join(others, ", "))};
}

}  // namespace transload::mapping
