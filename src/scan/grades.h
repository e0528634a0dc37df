// How a name that a pickle imports is judged.
//
// The grade never decides whether something is safe: what is not known to be needed for tensors is a finding, be it
// `unknown` or `dangerous`. `dangerous` only says which of them anybody should look at first, and why.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "scan/pickle_survey.h"
#include "transload/scan.h"

namespace transload::scanning {

struct Graded {
  Grade grade = Grade::unknown;
  std::string_view reason;  // empty where there is nothing to say
};

// `allowed`: on the reader's own list (formats/torch/globals.h), NumPy's names among them.
Graded grade(std::string_view module, std::string_view name);

// How a name is used counts too: one that the reader lets through only as what it is for is no longer `allowed`.
Graded grade_use(const SurveyName& name);

// A row of the table of what is known to be dangerous: a dotted path, in lower case, which stands for itself and for
// everything below it.
struct Danger {
  std::string_view path;
  std::string_view reason;
  bool anywhere = false;  // also as the end of a longer path: "torch.serialization.os.system"
};
std::span<const Danger> dangers() noexcept;

}  // namespace transload::scanning
