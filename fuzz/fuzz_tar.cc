// The tar archives of PyTorch 0.1: entries, then the checkpoint in them. Checksums of headers are put right first, or
// nearly every input would end at them.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "formats/torch/torch.h"
#include "one_file_store.h"
#include "transload/error.h"

namespace {

void repair(std::vector<std::byte>& bytes) {
  for (std::size_t at = 0; at + 512 <= bytes.size(); at += 512) {
    if (bytes[at + 257] != std::byte{'u'} || bytes[at + 258] != std::byte{'s'}) continue;
    unsigned sum = 8 * ' ';
    for (std::size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? 0 : std::to_integer<unsigned>(bytes[at + i]);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    for (std::size_t i = 0; i < 7; ++i) bytes[at + 148 + i] = static_cast<std::byte>(text[i]);
    bytes[at + 155] = std::byte{' '};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(begin, begin + size);
  if (size != 0 && data[0] % 8 != 7) repair(bytes);
  try {
    transload::fuzz::read_all(transload::torch::torch_format(), bytes);
  } catch (const transload::Error&) {
  }
  return 0;
}
