#include "support/restructure.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  using namespace transload::fuzz;
  Random random(seed);
  if (random.one_in(4)) return LLVMFuzzerMutate(data, size, most);
  return hand_back(restructured({reinterpret_cast<const char*>(data), size}, random, most), data, size, most);
}
