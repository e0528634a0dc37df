#include "support/restructure.h"
#include "support/torch_file.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  return mutated_checkpoint(input, random, most);
}

}  // namespace transload::fuzz
