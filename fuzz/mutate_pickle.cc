#include "support/pickle_program.h"
#include "support/restructure.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  return mutated_pickle(input, random, most);
}

}  // namespace transload::fuzz
