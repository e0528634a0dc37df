#include "support/json_value.h"
#include "support/restructure.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  return mutated_json(input, random, most);
}

}  // namespace transload::fuzz
