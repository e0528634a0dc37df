#include "scan/survey_names.h"

#include <algorithm>
#include <utility>

#include "scan/survey_values.h"

namespace transload::scanning {
namespace {

constexpr std::size_t kMostNames = 4096;

}  // namespace

bool Survey::calls() const noexcept {
  return std::ranges::any_of(names, [](const SurveyName& name) { return name.called; });
}

std::uint64_t SurveyNames::index(std::string module, std::string name, std::uint64_t offset) {
  const std::string key = module + '\n' + name;
  if (const auto found = index_of_.find(key); found != index_of_.end()) {
    ++survey_.names[found->second].count;
    return found->second;
  }
  if (survey_.names.size() >= kMostNames) {
    ++survey_.names_left_out;
    return kNotKept;
  }
  index_of_.emplace(key, survey_.names.size());
  SurveyName made;
  made.module = std::move(module);
  made.name = std::move(name);
  made.offset = offset;
  made.count = 1;
  survey_.names.push_back(std::move(made));
  other_.push_back(false);
  return survey_.names.size() - 1;
}

void SurveyNames::use(std::uint64_t index, bool plain) {
  if (!plain) other_[index] = true;
  survey_.names[index].only_attributes = !other_[index];
}

}  // namespace transload::scanning
