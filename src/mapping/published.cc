#include "mapping/published.h"

#include <algorithm>

namespace transload::mapping {

const Published* published_as(const Family& family, std::size_t dialect, const ModelConfig& config) {
  const Published* found = nullptr;
  for (const Published& model : family.published) {
    const bool fits = model.dialect == dialect && std::ranges::all_of(model.sizes, [&](const auto& size) {
                        const auto known = config.find(std::string(1, size.first));
                        return known != config.end() && known->second == std::to_string(size.second);
                      });
    if (!fits) continue;
    if (found != nullptr) return nullptr;
    found = &model;
  }
  return found;
}

}  // namespace transload::mapping
