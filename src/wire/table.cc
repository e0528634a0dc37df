#include "wire/table.h"

#include <fmt/format.h>

#include <array>

#include "core/text.h"
#include "wire/table_block.h"

namespace transload::wire {
namespace {

// TensorFlow fills a block to 256 KiB and the entry that goes over; only the index block of a huge table is larger.
constexpr std::uint64_t kLargestBlock = std::uint64_t{256} << 20;

struct Handle {
  std::uint64_t offset, size;
};

Handle read_handle(Cursor& cursor) {
  const std::uint64_t offset = cursor.varint();
  return {offset, cursor.varint()};
}

// A handle that begins at `expected` and whose block and trailer end not after `limit`. Returns where they end.
std::uint64_t check_handle(const Cursor& at, Handle handle, std::uint64_t expected, std::uint64_t limit,
                           std::string_view what) {
  if (handle.offset != expected) {
    at.fail(fmt::format("the {} block is said to begin at {}, but the one before it ends at {}", what, handle.offset,
                        expected));
  }
  if (limit - expected < kTableTrailerBytes || handle.size > limit - expected - kTableTrailerBytes) {
    at.fail(fmt::format("the {} block is said to have {} bytes, but only {} are left for it", what, handle.size,
                        limit - expected));
  }
  if (handle.size > kLargestBlock) {
    at.fail(fmt::format("the {} block has {} bytes, more than the {} that Transload reads", what, handle.size,
                        kLargestBlock),
            Errc::unsupported);
  }
  return handle.offset + handle.size + kTableTrailerBytes;
}

Cursor read_footer(const Source& source) {
  if (source.size() < kTableFooterBytes) {
    throw Error(Errc::corrupt, fmt::format("{} bytes are too few for a table", source.size()),
                {.file = source.name(), .offset = {}, .tensor = {}}, "The file is cut short, or no index at all.");
  }
  const std::uint64_t offset = source.size() - kTableFooterBytes;
  std::vector<std::byte> footer(kTableFooterBytes);
  source.read(offset, footer);
  Cursor cursor(Bytes(std::move(footer)), source.name(), offset);
  cursor.seek(kTableFooterBytes - 8);
  if (const std::uint64_t magic = cursor.u64(); magic != kTableMagic) {
    throw Error(Errc::corrupt, fmt::format("not a table: its last eight bytes are 0x{:016x}", magic),
                {.file = source.name(), .offset = source.size() - 8, .tensor = {}},
                "The file is cut short, or no index at all.");
  }
  cursor.seek(0);
  return cursor;
}

}  // namespace

bool Table::has_magic(const Source& source) {
  if (source.size() < kTableFooterBytes) return false;
  std::array<std::byte, 8> end{};
  source.read(source.size() - end.size(), end);
  return Cursor(Bytes(ByteView(end), nullptr), source.name()).u64() == kTableMagic;
}

Table::Table(std::shared_ptr<const Source> source) : source_(std::move(source)) {
  Cursor footer = read_footer(*source_);
  const std::uint64_t end = footer.offset();
  const Handle meta = read_handle(footer);
  const Handle index = read_handle(footer);
  while (footer.position() < kTableFooterBytes - 8) {
    if (footer.u8() != 0) footer.fail("the footer of the table is not filled up with zeros");
  }
  if (meta.offset > end) footer.fail("the metaindex block is said to begin behind the footer");
  const std::uint64_t meta_end = check_handle(footer, meta, meta.offset, end, "metaindex");
  if (check_handle(footer, index, meta_end, end, "index") != end) {
    footer.fail("there are bytes between the index block and the footer");
  }

  TableBlock meta_block(*source_, meta.offset, meta.size);  // names filters, which change nothing
  while (meta_block.next()) {
  }
  std::uint64_t next = 0;
  for (TableBlock block(*source_, index.offset, index.size); block.next();) {
    Cursor value(Bytes(as_bytes(block.value()), nullptr), source_->name(), block.value_offset());
    const Handle handle = read_handle(value);
    if (!value.done()) value.fail("an entry of the index block holds more than a handle");
    next = check_handle(value, handle, next, meta.offset, "data");
    blocks_.push_back({handle.offset, handle.size, block.key()});
  }
  if (next != meta.offset) footer.fail("the data blocks and the metaindex block do not follow one another");
}

void Table::for_each(const std::function<void(const TableEntry&)>& visit) const {
  const Block* before = nullptr;
  for (const Block& place : blocks_) {
    TableBlock block(*source_, place.offset, place.size);
    bool first = true;
    while (block.next()) {
      if (first && before != nullptr && block.key() <= before->separator) {
        throw Error(Errc::corrupt,
                    fmt::format("key '{}' does not come after its block's separator", shortened(block.key())),
                    {.file = source_->name(), .offset = block.entry_offset(), .tensor = {}});
      }
      first = false;
      visit({block.key(), block.value(), block.value_offset()});
    }
    if (block.key() > place.separator) {
      throw Error(Errc::corrupt, "the last key of this table block comes after the block's separator",
                  {.file = source_->name(), .offset = place.offset, .tensor = {}});
    }
    before = &place;
  }
}

}  // namespace transload::wire
