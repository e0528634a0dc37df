// One block of a table: entries whose keys leave out what they share with the key before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transload/io.h"
#include "wire/cursor.h"

namespace transload::wire {

// Reads a block's entries in order:
//
//   entry   varint shared | varint unshared | varint value size | the key without its first `shared` bytes | value
//   block   entries | u32 offset of each restart point | u32 number of them
//
// A restart point is an entry with shared = 0, where a search may begin; the first entry is one.
class TableBlock {
 public:
  // Reads bytes [offset, offset + size) of `source`, which the caller has compared with its size, and the trailer
  // behind them, and checks type and checksum.
  TableBlock(const Source& source, std::uint64_t offset, std::uint64_t size);

  // Goes to the next entry; false at the end. Keys are checked to be strictly increasing.
  bool next();
  const std::string& key() const noexcept { return key_; }
  std::string_view value() const noexcept { return value_; }
  std::uint64_t entry_offset() const noexcept { return entry_offset_; }  // in the file
  std::uint64_t value_offset() const noexcept { return value_offset_; }

 private:
  Cursor entries_;
  std::vector<std::uint32_t> restarts_;
  std::size_t next_restart_ = 0;
  std::uint64_t key_bytes_left_ = 0;  // of decoded keys, see kMostKeyBytesPerByte
  bool first_ = true;
  std::string key_;
  std::string_view value_;
  std::uint64_t entry_offset_ = 0, value_offset_ = 0;
};

}  // namespace transload::wire
