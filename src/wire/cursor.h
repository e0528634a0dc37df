// The only way a parser reads integers and strings from a file: bounds-checked, and it knows where it is.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "transload/bytes.h"
#include "transload/error.h"

namespace transload::wire {

static_assert(std::endian::native == std::endian::little, "Transload runs on little-endian machines");

// Reads forward through `data`, which begins at byte `base` of `file`. Every failure is an Error with that file and
// the offset where the reading stood.
class Cursor {
 public:
  Cursor(Bytes data, std::string file, std::uint64_t base = 0)
      : data_(std::move(data)), file_(std::move(file)), base_(base) {}

  std::uint64_t offset() const noexcept { return base_ + at_; }  // in the file
  std::uint64_t position() const noexcept { return at_; }        // in the data
  std::uint64_t left() const noexcept { return data_.size() - at_; }
  bool done() const noexcept { return left() == 0; }
  const std::string& file() const noexcept { return file_; }

  // Little-endian integers of a fixed width.
  template <std::integral T>
  T integer() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::uint8_t u8() { return integer<std::uint8_t>(); }
  std::uint16_t u16() { return integer<std::uint16_t>(); }
  std::uint32_t u32() { return integer<std::uint32_t>(); }
  std::uint64_t u64() { return integer<std::uint64_t>(); }
  // Base-128, least significant group first, at most 10 bytes (protobuf, LevelDB).
  std::uint64_t varint();

  ByteView take(std::uint64_t size);     // a view into the data
  Bytes take_bytes(std::uint64_t size);  // the same, keeping the data alive
  std::string_view text(std::uint64_t size) { return as_text(take(size)); }
  std::string_view line();  // up to '\n', which is consumed and not part of it
  void skip(std::uint64_t size) { take(size); }
  void seek(std::uint64_t position);  // in the data

  // `value` items of at least `min_bytes_each` must fit in what is left: call it before anything is allocated for
  // a count that comes from the file. Returns `value`.
  std::uint64_t count(std::uint64_t value, std::uint64_t min_bytes_each, std::string_view of_what) const;

  [[noreturn]] void fail(std::string_view message, Errc code = Errc::corrupt) const;
  [[noreturn]] void fail_at(std::uint64_t offset, std::string_view message, Errc code = Errc::corrupt) const;

 private:
  Bytes data_;
  std::string file_;
  std::uint64_t base_ = 0;
  std::uint64_t at_ = 0;
};

}  // namespace transload::wire
