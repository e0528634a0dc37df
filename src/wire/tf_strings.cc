#include "wire/tf_strings.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "wire/crc.h"
#include "wire/cursor.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kChecksumBytes = 4;

// The lengths as both checksums see them.
std::uint32_t crc_of_length(std::uint32_t seed, std::uint64_t length, bool big_endian) {
  const auto extend = [&](auto value) {
    if (big_endian) {
      value = sizeof(value) == 4 ? static_cast<decltype(value)>(__builtin_bswap32(static_cast<std::uint32_t>(value)))
                                 : static_cast<decltype(value)>(__builtin_bswap64(value));
    }
    return crc32c(seed, std::as_bytes(std::span{&value, 1}));
  };
  return length <= std::numeric_limits<std::uint32_t>::max() ? extend(static_cast<std::uint32_t>(length))
                                                             : extend(length);
}

void check_crc(const Cursor& at, std::uint64_t offset, std::string_view what, std::uint32_t stored,
               std::uint32_t actual) {
  if (stored == actual) return;
  at.fail_at(offset, fmt::format("the checksum of {} does not match: stored 0x{:08x}, calculated 0x{:08x}", what,
                                 mask_crc32c(stored), mask_crc32c(actual)));
}

// Reads varints through a window that moves over the file, so that a hostile size costs no memory.
class LengthReader {
 public:
  LengthReader(const Source& source, std::uint64_t offset, std::uint64_t size)
      : source_(source), end_(offset + size), window_({}, source.name(), offset) {}

  std::uint64_t varint() {
    constexpr std::uint64_t kLongestVarint = 10, kWindow = 65536;
    const std::uint64_t at = window_.offset();
    if (window_.left() < kLongestVarint && at + window_.left() < end_) {
      std::vector<std::byte> bytes(std::min(kWindow, end_ - at));
      source_.read(at, bytes);
      window_ = Cursor(Bytes(std::move(bytes)), source_.name(), at);
    }
    return window_.varint();
  }
  std::uint64_t offset() const { return window_.offset(); }

 private:
  const Source& source_;
  std::uint64_t end_;
  Cursor window_;
};

}  // namespace

std::uint64_t tf_strings_size(const Source& source, std::uint64_t offset, std::uint64_t size, std::uint64_t elements) {
  const auto fail = [&](const std::string& message) {
    throw Error(Errc::corrupt, message, {.file = source.name(), .offset = offset, .tensor = {}});
  };
  if (size < kChecksumBytes || elements > size - kChecksumBytes) {
    fail(fmt::format("{} bytes are too few for {} strings", size, elements));
  }
  LengthReader lengths(source, offset, size);
  std::uint64_t text = 0, used = 0;
  for (std::uint64_t i = 0; i < elements; ++i) {
    const std::uint64_t length = lengths.varint();
    used = lengths.offset() - offset;
    if (length > size - text || used > size) fail(fmt::format("string {} is said to have {} bytes", i, length));
    text += length;
  }
  if (used + kChecksumBytes + text != size) {
    fail(fmt::format("{} strings with {} bytes in all do not fill the {} bytes stored for them", elements, text, size));
  }
  return 8 * elements + text;
}

Bytes decode_tf_strings(ByteView stored, std::uint64_t decoded_size, std::optional<std::uint32_t> expected,
                        bool big_endian, const std::string& file, std::uint64_t offset) {
  Cursor cursor(Bytes(stored, nullptr), file, offset);
  // Each element takes eight bytes and its length of the decoded size, so that the lengths end where it is used up.
  std::vector<std::uint64_t> lengths;
  std::uint32_t crc = 0;
  for (std::uint64_t left = decoded_size; left > 0;) {
    const std::uint64_t length = cursor.varint();
    if (left < 8 || length > left - 8) cursor.fail("the lengths of these strings are not those of the index");
    left -= 8 + length;
    lengths.push_back(length);
    crc = crc_of_length(crc, length, big_endian);
  }
  const std::uint64_t checksum_at = cursor.offset();
  const ByteView checksum = cursor.take(kChecksumBytes);
  std::uint32_t masked = Cursor(Bytes(checksum, nullptr), file, checksum_at).u32();
  if (big_endian) masked = __builtin_bswap32(masked);
  check_crc(cursor, checksum_at, "the strings' lengths", unmask_crc32c(masked), crc);

  std::uint64_t text = 0;  // no overflow: the sum is below decoded_size
  for (const std::uint64_t length : lengths) text += length;
  if (text != cursor.left()) cursor.fail(fmt::format("strings of {} bytes in {} bytes", text, cursor.left()));
  if (expected) {
    const ByteView rest = stored.subspan(stored.size() - text);
    check_crc(cursor, offset, "this string tensor", *expected, crc32c(crc32c(crc, checksum), rest));
  }
  std::vector<std::byte> out;
  out.reserve(decoded_size);
  for (const std::uint64_t length : lengths) {
    const auto prefix = std::as_bytes(std::span{&length, 1});
    out.insert(out.end(), prefix.begin(), prefix.end());
    const ByteView element = cursor.take(length);
    out.insert(out.end(), element.begin(), element.end());
  }
  return Bytes(std::move(out));
}

}  // namespace transload::wire
