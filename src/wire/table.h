// Reading a sorted table of keys and values: the .index of a TensorFlow bundle. The format is LevelDB's
// (leveldb/doc/table_format.md), which TensorFlow uses without its compression and filters.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transload/io.h"

namespace transload::wire {

// A block is followed by its type (one byte) and the masked CRC-32C of both; the table ends with a footer.
inline constexpr std::uint64_t kTableTrailerBytes = 5;
inline constexpr std::uint64_t kTableFooterBytes = 48;
inline constexpr std::uint64_t kTableMagic = 0xdb4775248b80fb57;

// One entry, while it is being handed out. Its views end with the call.
struct TableEntry {
  std::string_view key, value;
  std::uint64_t value_offset;  // in the file
};

// A table in a file. Nothing in it is believed: every handle is checked against the file before it is followed, every
// block against its checksum before it is read, and what LevelDB's own reader takes for granted is checked as well:
// blocks follow one another without a gap from the first byte to the footer, keys are strictly increasing across
// blocks, separators lie between the blocks they separate, restart points are entries that share nothing.
//
// Everything that is wrong is Errc::corrupt with the offset, but for compressed blocks: Errc::unsupported.
class Table {
 public:
  // Reads the footer and the index block.
  explicit Table(std::shared_ptr<const Source> source);

  // Calls `visit` for each entry in the order of keys. Holds one block at a time.
  void for_each(const std::function<void(const TableEntry&)>& visit) const;

  // Whether the last bytes of `source` are a table's.
  static bool has_magic(const Source& source);

 private:
  struct Block {
    std::uint64_t offset, size;  // without its trailer
    std::string separator;       // not less than its keys, less than those of the next block
  };

  std::shared_ptr<const Source> source_;
  std::vector<Block> blocks_;
};

}  // namespace transload::wire
