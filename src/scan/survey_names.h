// The names that a survey has met, each once.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "scan/pickle_survey.h"

namespace transload::scanning {

// Fills Survey::names, of which it keeps a reference.
class SurveyNames {
 public:
  explicit SurveyNames(Survey& survey) : survey_(survey) {}

  // The place of a name in Survey::names, imported once more by the opcode at `offset`. kNotKept: one too many.
  std::uint64_t index(std::string module, std::string name, std::uint64_t offset);
  // `plain`: called as getattr(NAME, "attribute"). Otherwise it may be called with anything: it lies in a container or
  // among arguments, or is called in another way.
  void use(std::uint64_t index, bool plain);

 private:
  Survey& survey_;
  std::unordered_map<std::string, std::uint64_t> index_of_;
  std::vector<bool> other_;  // of each name: used in another way than plainly
};

}  // namespace transload::scanning
