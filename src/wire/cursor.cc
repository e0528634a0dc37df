#include "wire/cursor.h"

#include <fmt/format.h>

namespace transload::wire {

std::uint64_t Cursor::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = u8();
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  fail("a varint does not fit 64 bits");
}

ByteView Cursor::take(std::uint64_t size) {
  if (size > left()) fail(fmt::format("truncated: {} bytes are needed here and {} are left", size, left()));
  const ByteView view = data_.view().subspan(at_, size);
  at_ += size;
  return view;
}

Bytes Cursor::take_bytes(std::uint64_t size) {
  const std::uint64_t start = at_;
  take(size);
  return data_.slice(start, size);
}

std::string_view Cursor::line() {
  const std::string_view rest = as_text(data_.view().subspan(at_));
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) fail("truncated: a line does not end");
  at_ += end + 1;
  return rest.substr(0, end);
}

void Cursor::seek(std::uint64_t position) {
  if (position > data_.size()) fail(fmt::format("an offset of {} points past the end", base_ + position));
  at_ = position;
}

std::uint64_t Cursor::count(std::uint64_t value, std::uint64_t min_bytes_each, std::string_view of_what) const {
  if (min_bytes_each != 0 && value > left() / min_bytes_each) {
    fail(fmt::format("claims {} {}, but only {} bytes are left", value, of_what, left()));
  }
  return value;
}

void Cursor::fail(std::string_view message, Errc code) const { fail_at(offset(), message, code); }

void Cursor::fail_at(std::uint64_t offset, std::string_view message, Errc code) const {
  throw Error(code, message, {.file = file_, .offset = offset, .tensor = {}});
}

}  // namespace transload::wire
