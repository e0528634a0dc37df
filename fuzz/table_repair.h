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

// The blocks that the index block names, as far as its entries make sense.
inline void repair_data_blocks(std::vector<std::byte>& data, std::uint64_t index, std::uint64_t index_size) {
  constexpr int kMostBlocks = 256;
  wire::Cursor entries(Bytes(ByteView(data).subspan(index, index_size), nullptr), "");
  for (int i = 0; i < kMostBlocks; ++i) {
    entries.varint();
    const std::uint64_t unshared = entries.varint(), value = entries.varint();
    entries.skip(unshared);
    wire::Cursor handle(entries.take_bytes(value), "");
    const std::uint64_t offset = handle.varint();
    put_block_checksum(data, offset, handle.varint());
  }
}

// The blocks that the footer names, the first data block where it is the only one (it ends where the metaindex block
// begins), and those that the index names.
inline void repair_table(std::vector<std::byte>& data) {
  if (data.size() < 48) return;
  try {
    wire::Cursor footer(Bytes(ByteView(data).last(48), nullptr), "");
    const std::uint64_t meta = footer.varint(), meta_size = footer.varint();
    const std::uint64_t index = footer.varint(), index_size = footer.varint();
    if (meta >= 5) put_block_checksum(data, 0, meta - 5);
    put_block_checksum(data, meta, meta_size);
    put_block_checksum(data, index, index_size);
    if (index <= data.size() && index_size <= data.size() - index) repair_data_blocks(data, index, index_size);
  } catch (const Error&) {
  }
}

}  // namespace transload::fuzzing
