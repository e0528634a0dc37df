// Makes the checksums of a mutated table match again, so that fuzzers get past them.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "transload/error.h"
#include "wire/crc.h"
#include "wire/cursor.h"

namespace transload::fuzzing {

inline void put_block_checksum(std::vector<std::byte>& data, std::uint64_t offset, std::uint64_t size) {
  if (offset > data.size() || size > data.size() - offset || data.size() - offset - size < 5) return;
  const std::uint32_t crc = wire::mask_crc32c(wire::crc32c(0, ByteView(data).subspan(offset, size + 1)));
  std::memcpy(data.data() + offset + size + 1, &crc, sizeof(crc));
}

// The blocks that the footer names, and the first data block where it is the only one: it ends where the metaindex
// block begins.
inline void repair_table(std::vector<std::byte>& data) {
  if (data.size() < 48) return;
  try {
    wire::Cursor footer(Bytes(ByteView(data).last(48), nullptr), "");
    const std::uint64_t meta = footer.varint(), meta_size = footer.varint();
    const std::uint64_t index = footer.varint(), index_size = footer.varint();
    if (meta >= 5) put_block_checksum(data, 0, meta - 5);
    put_block_checksum(data, meta, meta_size);
    put_block_checksum(data, index, index_size);
  } catch (const Error&) {
  }
}

}  // namespace transload::fuzzing
