#include "support/tar_file.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace transload::fuzz {
namespace {

// Source: POSIX.1-1988, ustar.
constexpr std::size_t kBlock = 512, kName = 100, kSize = 124, kChecksum = 148, kType = 156, kMagic = 257;

std::string_view cut(std::string_view text) { return text.substr(0, text.find('\0')); }

void put_at(Input& block, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string octal(std::uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

std::optional<std::vector<TarRecord>> tar_records(std::string_view bytes) {
  if (bytes.size() < kBlock || bytes.substr(kMagic, 5) != "ustar") return std::nullopt;
  std::vector<TarRecord> records;
  while (bytes.size() >= kBlock && bytes[0] != '\0') {
    TarRecord record;
    record.name = cut(bytes.substr(0, kName));
    record.type = bytes[kType];
    const std::string size_text(cut(bytes.substr(kSize, 12)));
    const std::size_t size = std::strtoull(size_text.c_str(), nullptr, 8);
    bytes.remove_prefix(kBlock);
    record.content = input_of(bytes.substr(0, std::min(size, bytes.size())));
    bytes.remove_prefix(std::min((size / kBlock + (size % kBlock != 0 ? 1 : 0)) * kBlock, bytes.size()));
    records.push_back(std::move(record));
  }
  return records;
}

Input tar_of(const std::vector<TarRecord>& records, Random& random) {
  Input out;
  for (const TarRecord& record : records) {
    Input block(kBlock, 0);
    put_at(block, 0, std::string_view(record.name).substr(0, kName));
    put_at(block, 100, "0000644");
    const std::uint64_t size = random.one_in(64) ? odd_number(random) : record.content.size();
    put_at(block, kSize, std::string_view(octal(size, 11)).substr(0, 12));
    block[kType] = static_cast<std::uint8_t>(record.type);
    put_at(block, kMagic, std::string_view("ustar\00000", 8));
    std::fill_n(block.begin() + kChecksum, 8, static_cast<std::uint8_t>(' '));
    std::uint64_t sum = 0;
    for (const std::uint8_t byte : block) sum += byte;
    put_at(block, kChecksum, octal(sum, 6) + std::string("\0 ", 2));
    put_bytes(out, block);
    put_bytes(out, record.content);
    out.resize((out.size() + kBlock - 1) / kBlock * kBlock);
  }
  out.resize(out.size() + 2 * kBlock);
  return out;
}

}  // namespace transload::fuzz
