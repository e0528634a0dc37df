#include "support/proto_message.h"
#include "support/restructure.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  return mutated_message(input, random, most);
}

}  // namespace transload::fuzz
