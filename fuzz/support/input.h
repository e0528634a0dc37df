// What mutators that know a format are made of: random choices, and the fuzzer's own changes of plain bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace transload::fuzz {

using Input = std::vector<std::uint8_t>;

// Numbers that are the same everywhere for the same seed; std::uniform_int_distribution is not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t bits() { return engine_(); }
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(engine_() % limit); }
  bool one_in(std::size_t count) { return below(count) == 0; }
  template <class Range>
  auto& pick(Range& range) {  // of a range that is not empty
    return range[below(std::size(range))];
  }

 private:
  std::mt19937_64 engine_;
};

// A number where a length, an index or a dimension may stand: small, at the edge of a type, or any.
std::uint64_t odd_number(Random& random);

// `bytes` after one of the fuzzer's own mutations: at most `most` bytes, and 4096 more than they were.
Input mutated(Input bytes, std::size_t most);
std::string mutated(std::string_view text, std::size_t most);

// Little-endian integers at the end of `out`.
void put_u16(Input& out, std::uint64_t value);
void put_u32(Input& out, std::uint64_t value);
void put_u64(Input& out, std::uint64_t value);
void put_text(Input& out, std::string_view text);
void put_bytes(Input& out, const Input& bytes);

std::string_view text_of(const Input& bytes);
Input input_of(std::string_view text);

// What LLVMFuzzerCustomMutator does with its answer: into the buffer, or the plain mutation where it does not fit.
std::size_t hand_back(const Input& out, std::uint8_t* data, std::size_t size, std::size_t most);

}  // namespace transload::fuzz
