#include "mapping/problems.h"

#include <fmt/format.h>

#include "core/text.h"

namespace transload::mapping {

void Problems::throw_if_any() const {
  if (all_.empty()) return;
  const Problem& first = all_.front();
  const std::string text =
      all_.size() == 1 ? first.text : fmt::format("{} ({} problems in all)", first.text, all_.size());
  Error error(code_, text, {.file = {}, .offset = {}, .tensor = first.tensor}, advice_);
  std::vector<std::string> rest;
  for (std::size_t i = 1; i < all_.size(); ++i) {
    rest.push_back(all_[i].tensor.empty() ? all_[i].text
                                          : fmt::format("tensor '{}': {}", shortened(all_[i].tensor), all_[i].text));
  }
  error.add(std::move(rest));
  throw error;
}

}  // namespace transload::mapping
