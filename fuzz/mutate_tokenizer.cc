// The first of the files, which is JSON, value by value.
#include <algorithm>

#include "support/json_value.h"
#include "support/restructure.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  const std::size_t end = std::min(input.find('\xFF'), input.size());
  Input out = mutated_json(input.substr(0, end), random, most);
  if (!out.empty()) put_text(out, input.substr(end));
  return out;
}

}  // namespace transload::fuzz
