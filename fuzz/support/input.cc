#include "support/input.h"

#include <algorithm>
#include <cstring>

// The fuzzer's: libFuzzer's own, or replay_main.cc's.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace transload::fuzz {
namespace {

void put_integer(Input& out, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

std::uint64_t odd_number(Random& random) {
  switch (random.below(4)) {
    case 0: return random.below(8);
    case 1: return random.below(300);
    case 2: {
      const std::uint64_t power = std::uint64_t{1} << random.below(64);
      return power + random.below(3) - 1;
    }
    default: return random.bits() >> random.below(64);
  }
}

Input mutated(Input bytes, std::size_t most) {
  constexpr std::size_t kGrowth = 4096;
  const std::size_t room = std::min(most, bytes.size() + kGrowth);
  if (room < bytes.size() || room == 0) return bytes;
  const std::size_t size = bytes.size();
  bytes.resize(room);
  bytes.resize(LLVMFuzzerMutate(bytes.data(), size, room));
  return bytes;
}

std::string mutated(std::string_view text, std::size_t most) {
  return std::string(text_of(mutated(input_of(text), most)));
}

void put_u16(Input& out, std::uint64_t value) { put_integer(out, value, 2); }
void put_u32(Input& out, std::uint64_t value) { put_integer(out, value, 4); }
void put_u64(Input& out, std::uint64_t value) { put_integer(out, value, 8); }
void put_text(Input& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }
void put_bytes(Input& out, const Input& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

std::string_view text_of(const Input& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

Input input_of(std::string_view text) { return Input(text.begin(), text.end()); }

std::size_t hand_back(const Input& out, std::uint8_t* data, std::size_t size, std::size_t most) {
  if (out.empty() || out.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, out.data(), out.size());
  return out.size();
}

}  // namespace transload::fuzz
