#include "wire/table_builder.h"

#include <algorithm>

#include "transload/error.h"
#include "wire/crc.h"
#include "wire/table.h"
#include "wire/write.h"

namespace transload::wire {
namespace {

// The shortest key that is not less than `last` and less than `next` (BytewiseComparatorImpl::FindShortestSeparator).
std::string separator(std::string_view last, std::string_view next) {
  const auto [a, b] = std::mismatch(last.begin(), last.end(), next.begin(), next.end());
  std::string key(last);
  if (a == last.end() || b == next.end()) return key;  // one is the beginning of the other
  const auto low = static_cast<unsigned char>(*a), high = static_cast<unsigned char>(*b);
  if (low < 0xFF && low + 1 < high) {
    key.resize(static_cast<std::size_t>(a - last.begin()) + 1);
    key.back() = static_cast<char>(low + 1);
  }
  return key;
}

// A short key that is not less than `last` (FindShortSuccessor).
std::string successor(std::string_view last) {
  std::string key(last);
  const auto found = std::find_if(key.begin(), key.end(), [](char byte) { return byte != '\xff'; });
  if (found == key.end()) return key;
  *found = static_cast<char>(static_cast<unsigned char>(*found) + 1);
  key.erase(found + 1, key.end());
  return key;
}

}  // namespace

void TableBuilder::Block::add(std::string_view key, std::string_view value) {
  std::size_t shared = 0;
  if (since_restart_ < restart_interval_) {
    const auto [end, other] = std::mismatch(key.begin(), key.end(), last_key_.begin(), last_key_.end());
    shared = static_cast<std::size_t>(end - key.begin());
  } else {
    restarts_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    since_restart_ = 0;
  }
  append_varint(bytes_, shared);
  append_varint(bytes_, key.size() - shared);
  append_varint(bytes_, value.size());
  bytes_ += key.substr(shared);
  bytes_ += value;
  last_key_ = key;
  ++since_restart_;
}

std::string TableBuilder::Block::finish() {
  std::string out = std::move(bytes_);
  for (const std::uint32_t restart : restarts_) append_u32(out, restart);
  append_u32(out, static_cast<std::uint32_t>(restarts_.size()));
  *this = Block(restart_interval_);
  return out;
}

void TableBuilder::add(std::string_view key, std::string_view value) {
  if (any_ && key <= last_key_) throw Error(Errc::usage, "keys of a table must be strictly increasing");
  if (!pending_handle_.empty()) {  // only now is the key after the block known
    index_.add(separator(last_key_, key), pending_handle_);
    pending_handle_.clear();
  }
  data_.add(key, value);
  last_key_ = key;
  any_ = true;
  if (data_.size() >= options_.block_size) flush();
}

void TableBuilder::flush() {
  if (!data_.empty()) pending_handle_ = write(data_);
}

std::string TableBuilder::write(Block& block) {
  const std::string bytes = block.finish();
  std::string handle;
  append_varint(handle, out_.size());
  append_varint(handle, bytes.size());
  const std::size_t start = out_.size();
  out_ += bytes;
  out_ += '\0';  // not compressed
  append_u32(out_, mask_crc32c(crc32c(0, as_bytes(std::string_view(out_).substr(start)))));
  return handle;
}

std::string TableBuilder::finish() {
  flush();
  Block none(options_.restart_interval);
  std::string footer = write(none);  // the metaindex block
  if (!pending_handle_.empty()) index_.add(successor(last_key_), pending_handle_);
  footer += write(index_);
  footer.resize(kTableFooterBytes - 8, '\0');
  append_u64(footer, kTableMagic);
  return std::move(out_) + footer;
}

}  // namespace transload::wire
