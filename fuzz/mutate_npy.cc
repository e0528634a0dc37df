#include "support/npy_array.h"
#include "support/restructure.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  return mutated_array(input, random, most);
}

}  // namespace transload::fuzz
