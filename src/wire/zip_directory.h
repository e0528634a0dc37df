// The end records and the central directory of a zip archive. For read_zip() only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/io.h"
#include "wire/zip.h"

namespace transload::wire {

// One entry as the central directory has it, 64-bit fields resolved.
struct ZipCentral {
  std::string name;
  std::uint64_t at = 0;  // where this directory entry itself begins, for messages
  std::uint64_t header = 0, stored = 0, size = 0;
  std::uint32_t crc = 0;
  std::uint16_t flags = 0, method = 0;
};

struct ZipDirectory {
  std::uint64_t offset = 0;  // of the directory: entries end here at the latest
  std::vector<ZipCentral> entries;
};

ZipDirectory read_zip_directory(const Source& source, ZipNames names = ZipNames::without_case);

// Fields of the 64-bit extra part (id 1): the values, in order, that the 32-bit fields could not hold.
class Cursor;
struct Zip64Extra {
  bool present = false;
  std::vector<std::uint64_t> values;  // at most 3
};
// Walks the extra parts in the next `size` bytes. Errc::corrupt when one reaches past the end or occurs twice.
Zip64Extra read_zip64_extra(Cursor& cursor, std::uint64_t size);

// " (the end of another archive lies at 0x..)" where one shows in the last 64 KiB of [from, to); otherwise nothing.
std::string hidden_archive(const Source& source, std::uint64_t from, std::uint64_t to);

// `size` bytes from `offset`, in memory of our own: safe to parse while somebody shortens the file.
Bytes read_copy(const Source& source, std::uint64_t offset, std::uint64_t size);

}  // namespace transload::wire
