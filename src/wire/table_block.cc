#include "wire/table_block.h"

#include <fmt/format.h>

#include "core/text.h"
#include "wire/crc.h"
#include "wire/table.h"

namespace transload::wire {
namespace {

// Keys that share long prefixes can be many times larger than the block that holds them. With LevelDB's and
// TensorFlow's restart interval of 16 they are at most 16 times as large; what goes beyond is made to fill the memory.
constexpr std::uint64_t kMostKeyBytesPerByte = 32;

Bytes checked_block(const Source& source, std::uint64_t offset, std::uint64_t size) {
  const auto fail = [&](std::string_view message, Errc code = Errc::corrupt, std::string_view advice = {}) {
    throw Error(code, message, {.file = source.name(), .offset = offset, .tensor = {}}, advice);
  };
  std::vector<std::byte> data(size + kTableTrailerBytes);
  source.read(offset, data);
  const ByteView typed = ByteView(data).first(size + 1);
  const auto type = static_cast<unsigned>(typed.back());
  const std::uint32_t stored = Cursor(Bytes(ByteView(data).last(4), nullptr), source.name(), offset + size + 1).u32();
  const std::uint32_t actual = mask_crc32c(crc32c(0, typed));
  if (stored != actual) {
    fail(fmt::format("the checksum of this table block does not match: stored 0x{:08x}, calculated 0x{:08x}", stored,
                     actual),
         Errc::corrupt, "The file was damaged; fetch it again.");
  }
  if (type == 1) {
    fail("this table block is compressed with snappy, which TensorFlow never writes", Errc::unsupported,
         "Rewrite the checkpoint with TensorFlow: load it and save it again.");
  }
  if (type != 0) fail(fmt::format("table block of unknown type {}", type));
  data.resize(size);
  return Bytes(std::move(data));
}

struct Parts {
  Bytes entries;
  std::vector<std::uint32_t> restarts;
};

Parts split(const Bytes& block, const std::string& file, std::uint64_t offset) {
  Cursor tail(block, file, offset);
  if (block.size() < 4) tail.fail("a table block is too short to hold its restart points");
  tail.seek(block.size() - 4);
  const std::uint64_t count = tail.u32();
  if (count == 0) tail.fail("a table block without a restart point");
  if (count > (block.size() - 4) / 4) {
    tail.fail(fmt::format("a table block of {} bytes claims {} restart points", block.size(), count));
  }
  const std::uint64_t end = block.size() - 4 - 4 * count;
  tail.seek(end);
  std::vector<std::uint32_t> restarts(count);
  for (std::uint32_t& restart : restarts) restart = tail.u32();
  return {block.slice(0, end), std::move(restarts)};
}

}  // namespace

TableBlock::TableBlock(const Source& source, std::uint64_t offset, std::uint64_t size)
    : entries_({}, source.name(), offset) {
  Parts parts = split(checked_block(source, offset, size), source.name(), offset);
  key_bytes_left_ = size * kMostKeyBytesPerByte;
  restarts_ = std::move(parts.restarts);
  entries_ = Cursor(std::move(parts.entries), source.name(), offset);
  if (entries_.done() && (restarts_.size() != 1 || restarts_.front() != 0)) {
    entries_.fail("an empty table block with restart points");
  }
}

bool TableBlock::next() {
  if (entries_.done()) {
    if (!first_ && next_restart_ != restarts_.size()) entries_.fail("a restart point past the end of its table block");
    return false;
  }
  entry_offset_ = entries_.offset();
  const bool restart = next_restart_ < restarts_.size() && restarts_[next_restart_] == entries_.position();
  if (restart) ++next_restart_;
  if (!restart && (first_ || (next_restart_ < restarts_.size() && restarts_[next_restart_] < entries_.position()))) {
    entries_.fail("a restart point of this table block is not where an entry begins");
  }
  const std::uint64_t shared = entries_.varint();
  const std::uint64_t unshared = entries_.varint();
  const std::uint64_t value_size = entries_.varint();
  if (shared > key_.size() || (restart && shared != 0)) {
    entries_.fail_at(entry_offset_,
                     fmt::format("a key shares {} bytes with {} of {}", shared,
                                 restart ? "none, being a restart point, after one" : "one", key_.size()));
  }
  const std::string_view rest = entries_.text(unshared);
  if (shared + unshared > key_bytes_left_) {
    entries_.fail_at(entry_offset_, "the keys of this table block share so much that they would fill the memory");
  }
  key_bytes_left_ -= shared + unshared;
  // Both keys begin with the same `shared` bytes, so the rest decides.
  if (!first_ && rest <= std::string_view(key_).substr(shared)) {
    entries_.fail_at(entry_offset_, fmt::format("key '{}' does not come after the key before it",
                                                shortened(key_.substr(0, shared) + std::string(rest))));
  }
  key_.resize(shared);
  key_ += rest;
  value_offset_ = entries_.offset();
  value_ = entries_.text(value_size);
  first_ = false;
  return true;
}

}  // namespace transload::wire
