#include "wire/zip_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/text.h"
#include "transload/error.h"
#include "wire/cursor.h"

namespace transload::wire {
namespace {

constexpr std::uint32_t kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr std::uint64_t kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr std::string_view kEndMark = "PK\x05\x06";
constexpr std::uint64_t kMostComment = 0xFFFF;
constexpr std::uint16_t kFull16 = 0xFFFF;
constexpr std::uint32_t kFull32 = 0xFFFFFFFF;
constexpr std::uint16_t kZip64Id = 1;
constexpr std::uint64_t kLongestName = 4096;
// Deflate options (bits 1, 2), a data descriptor follows (3), the name is UTF-8 (11). All others mean encryption,
// patches or masks.
constexpr std::uint16_t kKnownFlags = 0x080E;

[[noreturn]] void fail(const Source& source, std::uint64_t offset, std::string_view message,
                       Errc code = Errc::corrupt) {
  throw Error(code, message, {.file = source.name(), .offset = offset, .tensor = {}});
}

struct End {
  std::uint64_t at = 0;  // where the first of the end records begins: the directory ends there
  std::uint64_t count = 0, size = 0, offset = 0;
};

// The one place from which an end record and its comment reach exactly to the end of the file. Other readers take the
// last mark that they find, so none may follow it.
std::uint64_t find_end(const Source& source) {
  const std::uint64_t tail_size = std::min(source.size(), kEndSize + kMostComment);
  const std::uint64_t tail_at = source.size() - tail_size;
  const Bytes tail = read_copy(source, tail_at, tail_size);
  const std::string_view text = tail.text();
  std::optional<std::uint64_t> found;
  for (std::size_t at = text.find(kEndMark); at != std::string_view::npos; at = text.find(kEndMark, at + 1)) {
    if (found) {
      fail(
          source, tail_at + at,
          fmt::format("two end records of a zip archive: this one is hidden in the comment of that at 0x{:x}", *found));
    }
    if (text.size() - at < kEndSize) break;
    const auto low = static_cast<unsigned char>(text[at + 20]), high = static_cast<unsigned char>(text[at + 21]);
    if (at + kEndSize + low + (static_cast<std::size_t>(high) << 8) != text.size()) continue;
    found = tail_at + at;
  }
  if (!found) {
    throw Error(Errc::corrupt, "a zip archive without its end record: the file is cut off, or bytes follow its end",
                {.file = source.name(), .offset = source.size(), .tensor = {}}, "get the file again");
  }
  return *found;
}

// The 64-bit twin of the end record, where its locator stands right before it.
std::optional<End> read_end64(const Source& source, std::uint64_t end_at) {
  if (end_at < kLocator64Size) return std::nullopt;
  const std::uint64_t locator_at = end_at - kLocator64Size;
  Cursor locator(read_copy(source, locator_at, kLocator64Size), source.name(), locator_at);
  if (locator.u32() != kLocator64Signature) return std::nullopt;
  const std::uint32_t disk = locator.u32();
  const std::uint64_t record_at = locator.u64();
  if (disk != 0 || locator.u32() > 1) fail(source, locator_at, "an archive of several disks", Errc::unsupported);
  if (locator_at < kEnd64Size || record_at > locator_at - kEnd64Size) {
    fail(source, locator_at, "the 64-bit end record is not where its locator says");
  }
  Cursor record(read_copy(source, record_at, kEnd64Size), source.name(), record_at);
  if (record.u32() != kEnd64Signature) record.fail_at(record_at, "not a 64-bit end record");
  if (record.u64() != locator_at - record_at - 12) {
    record.fail_at(record_at, "the 64-bit end record does not end at its locator");
  }
  record.skip(4);  // versions made by, needed
  if (record.u32() != 0 || record.u32() != 0) fail(source, record_at, "an archive of several disks", Errc::unsupported);
  End end{.at = record_at, .count = 0, .size = 0, .offset = 0};
  const std::uint64_t here = record.u64();
  end.count = record.u64();
  if (here != end.count) fail(source, record_at, "two numbers of entries that differ");
  end.size = record.u64();
  end.offset = record.u64();
  return end;
}

End read_end(const Source& source) {
  const std::uint64_t at = find_end(source);
  Cursor cursor(read_copy(source, at, kEndSize), source.name(), at);
  cursor.skip(4);
  const std::uint16_t disk = cursor.u16(), first_disk = cursor.u16(), here = cursor.u16(), count = cursor.u16();
  const std::uint32_t size = cursor.u32(), offset = cursor.u32();
  if (disk != 0 || first_disk != 0) fail(source, at, "an archive of several disks", Errc::unsupported);
  if (here != count) fail(source, at, "two numbers of entries that differ");
  std::optional<End> end64 = read_end64(source, at);
  if (!end64) {
    if (size == kFull32 || offset == kFull32) fail(source, at, "needs a 64-bit end record and has none");
    return {.at = at, .count = count, .size = size, .offset = offset};
  }
  if ((count != kFull16 && count != end64->count) || (size != kFull32 && size != end64->size) ||
      (offset != kFull32 && offset != end64->offset)) {
    fail(source, at, fmt::format("the end record and its 64-bit twin at 0x{:x} disagree", end64->at));
  }
  return *end64;
}

// The plain names that torch and every other sane writer gives.
void check_name(const Cursor& cursor, std::uint64_t at, std::string_view name, ZipNames names) {
  const auto bad = [&](std::string_view why) {
    cursor.fail_at(at, fmt::format("entry name '{}' {}", shortened(name, 80), why));
  };
  if (name.empty()) bad("is empty");
  if (name.size() > kLongestName) bad(fmt::format("is longer than {} bytes", kLongestName));
  if (name.find('\0') != std::string_view::npos) bad("contains NUL");
  if (name.find('\\') != std::string_view::npos) bad("contains a backslash");
  const bool plain = names == ZipNames::without_case;
  if (plain && name.size() > 1 && name[1] == ':') bad("names a drive");
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (part == "." || part == "..") bad("climbs out of its folder");
    if (plain && part.empty() && end != name.size()) bad(start == 0 ? "is absolute" : "has an empty component");
    start = end + 1;
  }
}

// Replaces a saturated 32-bit field by the next value of the 64-bit part.
std::uint64_t widened(const Cursor& cursor, std::uint64_t at, std::uint32_t narrow, const Zip64Extra& extra,
                      std::size_t& next) {
  if (narrow != kFull32) return narrow;
  if (next >= extra.values.size()) cursor.fail_at(at, "a size or offset needs 64 bits and its entry has none");
  return extra.values[next++];
}

ZipCentral read_central(Cursor& cursor, ZipNames names) {
  ZipCentral entry;
  entry.at = cursor.offset();
  if (cursor.u32() != kCentralSignature) cursor.fail_at(entry.at, "not an entry of a zip directory");
  cursor.skip(4);  // versions made by, needed
  entry.flags = cursor.u16();
  entry.method = cursor.u16();
  cursor.skip(4);  // time, date
  entry.crc = cursor.u32();
  const std::uint32_t stored = cursor.u32(), size = cursor.u32();
  const std::uint16_t name_size = cursor.u16(), extra_size = cursor.u16(), comment_size = cursor.u16();
  if (const std::uint16_t disk = cursor.u16(); disk != 0 && disk != kFull16) {
    cursor.fail_at(entry.at, "an archive of several disks", Errc::unsupported);
  }
  cursor.skip(6);  // attributes
  const std::uint32_t header = cursor.u32();
  entry.name = cursor.text(name_size);
  check_name(cursor, entry.at, entry.name, names);
  const Zip64Extra extra = read_zip64_extra(cursor, extra_size);
  cursor.skip(comment_size);
  std::size_t next = 0;
  entry.size = widened(cursor, entry.at, size, extra, next);
  entry.stored = widened(cursor, entry.at, stored, extra, next);
  entry.header = widened(cursor, entry.at, header, extra, next);
  const std::string label = fmt::format("entry '{}'", shortened(entry.name, 80));
  if ((entry.flags & ~kKnownFlags) != 0) {
    cursor.fail_at(entry.at, label + " is encrypted or has flags that are not known", Errc::unsupported);
  }
  if (entry.method != 0 && entry.method != 8) {
    cursor.fail_at(entry.at,
                   fmt::format("{} has compression method {}; only stored and deflate are read", label, entry.method),
                   Errc::unsupported);
  }
  if (entry.method == 0 && entry.stored != entry.size) {
    cursor.fail_at(entry.at,
                   fmt::format("{} is not compressed, and yet {} bytes hold {}", label, entry.stored, entry.size));
  }
  return entry;
}

// torch looks names up without case: for it, two that differ only in it are two entries for one name.
void check_unique(const Cursor& cursor, const std::vector<ZipCentral>& entries, bool fold_case) {
  std::vector<std::pair<std::string, std::uint64_t>> folded;
  folded.reserve(entries.size());
  for (const ZipCentral& entry : entries) {
    std::string name = entry.name;
    for (char& c : name) c = fold_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    folded.emplace_back(std::move(name), entry.at);
  }
  std::sort(folded.begin(), folded.end());
  const auto twin =
      std::adjacent_find(folded.begin(), folded.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twin == folded.end()) return;
  cursor.fail_at(std::next(twin)->second,
                 fmt::format("the name '{}' occurs twice in the archive{}, also at 0x{:x}", shortened(twin->first, 80),
                             fold_case ? " (compared without case)" : "", twin->second));
}

}  // namespace

std::string hidden_archive(const Source& source, std::uint64_t from, std::uint64_t to) {
  const std::uint64_t size = std::min(to - from, kEndSize + kMostComment);
  const Bytes bytes = read_copy(source, to - size, size);
  const std::size_t at = bytes.text().rfind(kEndMark);
  if (at == std::string_view::npos) return "";
  return fmt::format(" (the end of another archive lies at 0x{:x})", to - size + at);
}

Bytes read_copy(const Source& source, std::uint64_t offset, std::uint64_t size) {
  std::vector<std::byte> bytes(size);
  if (size != 0) source.read(offset, bytes);
  return Bytes(std::move(bytes));
}

Zip64Extra read_zip64_extra(Cursor& cursor, std::uint64_t size) {
  Zip64Extra extra;
  const std::uint64_t start = cursor.offset();
  if (size > cursor.left()) cursor.fail("extra fields reach past their block");
  while (size != 0) {
    if (size < 4) cursor.fail_at(start, "extra fields end inside of one");
    const std::uint16_t id = cursor.u16(), length = cursor.u16();
    size -= 4;
    if (length > size) cursor.fail_at(start, "an extra field reaches past its block");
    size -= length;
    if (id != kZip64Id) {
      cursor.skip(length);
      continue;
    }
    if (extra.present) cursor.fail_at(start, "two 64-bit extra fields");
    extra.present = true;
    for (unsigned i = 0; i < length / 8U && i < 3; ++i) extra.values.push_back(cursor.u64());
    cursor.skip(length - 8 * extra.values.size());
  }
  return extra;
}

ZipDirectory read_zip_directory(const Source& source, ZipNames names) {
  const End end = read_end(source);
  if (end.size > end.at || end.offset != end.at - end.size) {
    const std::uint64_t really = end.size > end.at ? 0 : end.at - end.size;
    fail(source, end.at,
         fmt::format(
             "the directory (at 0x{:x}, {} bytes) does not end where the end record begins, at 0x{:x}: the file "
             "is damaged, or something was put before it{}",
             end.offset, end.size, end.at, end.offset < really ? hidden_archive(source, 0, really - end.offset) : ""));
  }
  if (end.count == 0) fail(source, end.at, "an archive without entries");
  Cursor cursor(read_copy(source, end.offset, end.size), source.name(), end.offset);
  cursor.count(end.count, kCentralSize, "entries");
  ZipDirectory directory{.offset = end.offset, .entries = {}};
  directory.entries.reserve(end.count);
  for (std::uint64_t i = 0; i < end.count; ++i) directory.entries.push_back(read_central(cursor, names));
  if (!cursor.done()) cursor.fail(fmt::format("{} bytes follow the last entry of the directory", cursor.left()));
  check_unique(cursor, directory.entries, names == ZipNames::without_case);
  return directory;
}

}  // namespace transload::wire
