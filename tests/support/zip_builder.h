// Zip archives for tests, with every field in reach.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/bytes.h"
#include "wire/crc.h"

namespace transload::test {

inline void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

struct ZipPart {
  std::string name, content;
  bool descriptor = true;  // as torch writes: zeros in the local header, a descriptor behind the content
  bool wide = false;       // 64-bit sizes, as torch writes them for more than 4 GiB
  bool descriptor_signature = true;
  std::uint64_t alignment = 1;  // of the content
  bool with_crc = true;
};

struct ZipOptions {
  std::string comment;
  bool end64 = false;
};

inline std::string build_zip(const std::vector<ZipPart>& parts, const ZipOptions& options = {}) {
  std::string out, directory;
  for (const ZipPart& part : parts) {
    const std::uint64_t header = out.size(), size = part.content.size();
    const std::uint32_t crc = part.with_crc ? wire::crc32(0, as_bytes(part.content)) : 0;
    const std::uint16_t flags = part.descriptor ? 0x0808 : 0x0800;
    std::string extra;
    if (part.wide) {
      put(extra, 1, 2), put(extra, 16, 2), put(extra, size, 8), put(extra, part.descriptor ? 0 : size, 8);
    }
    if (part.alignment > 1) {
      const std::uint64_t at = header + 30 + part.name.size() + extra.size() + 4;
      const std::uint64_t padding = (part.alignment - at % part.alignment) % part.alignment;
      extra += "FB";
      put(extra, padding, 2);
      extra += std::string(padding, 'Z');
    }
    put(out, 0x04034b50, 4), put(out, 0, 2), put(out, flags, 2), put(out, 0, 2), put(out, 0, 4);
    put(out, part.descriptor ? 0 : crc, 4);
    const std::uint64_t narrow = part.descriptor ? 0 : part.wide ? 0xFFFFFFFF : size;
    put(out, narrow, 4), put(out, narrow, 4), put(out, part.name.size(), 2), put(out, extra.size(), 2);
    out += part.name + extra + part.content;
    if (part.descriptor) {
      if (part.descriptor_signature) put(out, 0x08074b50, 4);
      put(out, crc, 4), put(out, size, part.wide ? 8 : 4), put(out, size, part.wide ? 8 : 4);
    }
    std::string central;
    if (part.wide) put(central, 1, 2), put(central, 16, 2), put(central, size, 8), put(central, size, 8);
    put(directory, 0x02014b50, 4), put(directory, 0, 4), put(directory, flags, 2), put(directory, 0, 2);
    put(directory, 0, 4), put(directory, crc, 4);
    const std::uint64_t shown = part.wide ? 0xFFFFFFFF : size;
    put(directory, shown, 4), put(directory, shown, 4), put(directory, part.name.size(), 2);
    put(directory, central.size(), 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 6);
    put(directory, header, 4);
    directory += part.name + central;
  }
  const std::uint64_t offset = out.size(), count = parts.size();
  out += directory;
  if (options.end64) {
    const std::uint64_t at = out.size();
    put(out, 0x06064b50, 4), put(out, 44, 8), put(out, 0x031e, 2), put(out, 45, 2), put(out, 0, 8);
    put(out, count, 8), put(out, count, 8), put(out, directory.size(), 8), put(out, offset, 8);
    put(out, 0x07064b50, 4), put(out, 0, 4), put(out, at, 8), put(out, 1, 4);
  }
  const std::uint64_t shown = options.end64 && count > 0xFFFF ? 0xFFFF : count;
  put(out, 0x06054b50, 4), put(out, 0, 4), put(out, shown, 2), put(out, shown, 2), put(out, directory.size(), 4);
  put(out, offset, 4), put(out, options.comment.size(), 2);
  return out + options.comment;
}

}  // namespace transload::test
