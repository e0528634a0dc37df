// Tar archives for tests, with every header in reach.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace transload::test {

struct TarPart {
  std::string name, content;
  char type = '0';
  std::string prefix = {};
};

// The checksum of the header that begins at `at`, put right.
inline void sum_header(std::string& archive, std::size_t at) {
  archive.replace(at + 148, 8, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(archive[at + i]);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum);
  archive.replace(at + 148, 7, std::string_view(text, 7));
}

inline std::string build_tar(const std::vector<TarPart>& parts, std::size_t blocks_at_end = 2) {
  std::string out;
  for (const TarPart& part : parts) {
    const std::size_t at = out.size();
    std::string header(512, '\0');
    header.replace(0, part.name.size(), part.name);
    header.replace(100, 7, "0000644");
    header.replace(108, 7, "0000000");
    header.replace(116, 7, "0000000");
    char size[12];
    std::snprintf(size, sizeof size, "%011zo", part.content.size());
    header.replace(124, 11, size);
    header.replace(136, 11, "00000000000");
    header[156] = part.type;
    header.replace(257, 5, "ustar");
    header.replace(263, 2, "00");
    header.replace(345, part.prefix.size(), part.prefix);
    out += header;
    sum_header(out, at);
    out += part.content;
    out.resize((out.size() + 511) / 512 * 512, '\0');
  }
  out.resize(out.size() + 512 * blocks_at_end, '\0');
  return out;
}

// One record of a pax header.
inline std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  return std::to_string(length) + ' ' + std::string(key) + '=' + std::string(value) + '\n';
}

}  // namespace transload::test
