#include "wire/zip.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "core/growth.h"
#include "core/text.h"
#include "transload/error.h"
#include "wire/crc.h"
#include "wire/cursor.h"
#include "wire/inflate.h"
#include "wire/zip_directory.h"

namespace transload::wire {
namespace {

constexpr std::uint32_t kLocalSignature = 0x04034b50, kDescriptorSignature = 0x08074b50;
constexpr std::uint64_t kLocalSize = 30;
constexpr std::uint16_t kDescriptorFlag = 0x0008;

// What lies behind an entry, where its own bytes must end.
struct Limit {
  std::uint64_t at = 0;
  std::string what;  // for messages
};

std::string label(const ZipCentral& entry) { return fmt::format("entry '{}'", shortened(entry.name, 80)); }

class LocalChecker {
 public:
  LocalChecker(const Source& source, const ZipCentral& entry, const Limit& limit)
      : source_(source), entry_(entry), limit_(limit.at), behind_(limit.what) {}

  // Where the content begins.
  std::uint64_t check() const {
    const std::uint64_t room = limit_ - entry_.header;
    const std::uint64_t fixed = kLocalSize + entry_.name.size();
    if (room < fixed) overlaps("its local header");
    // In two steps, so that no byte of the content is read.
    const std::uint64_t extra_size = extra_size_of(read_copy(source_, entry_.header, kLocalSize));
    if (room < fixed + extra_size) overlaps("its local header");
    check_fields(Cursor(read_copy(source_, entry_.header, fixed + extra_size), source_.name(), entry_.header),
                 extra_size);
    const std::uint64_t offset = entry_.header + fixed + extra_size;
    if (entry_.stored > limit_ - offset) {
      overlaps(fmt::format("its content of {} bytes, from 0x{:x} on,", entry_.stored, offset));
    }
    check_gap(offset + entry_.stored);
    return offset;
  }

 private:
  // Both places: the error's own is the local header, or `at`.
  [[noreturn]] void fail_at(std::uint64_t at, std::string_view message) const {
    throw Error(Errc::corrupt,
                fmt::format("entry '{}': {} (its directory entry lies at 0x{:x})", shortened(entry_.name, 80), message,
                            entry_.at),
                {.file = source_.name(), .offset = at, .tensor = {}});
  }
  [[noreturn]] void fail(std::string_view message) const { fail_at(entry_.header, message); }
  [[noreturn]] void overlaps(std::string_view what) const {
    fail(fmt::format("{} overlaps {} at 0x{:x}", what, behind_, limit_));
  }
  // A field of the local header that differs.
  template <class T>
  [[noreturn]] void differs(std::string_view what, const T& local, const T& central) const {
    fail(fmt::format("its local header has {} {} where the directory has {}", what, local, central));
  }

  bool has_descriptor() const { return (entry_.flags & kDescriptorFlag) != 0; }

  std::uint64_t extra_size_of(const Bytes& header) const {
    Cursor cursor(header, source_.name(), entry_.header);
    if (cursor.u32() != kLocalSignature) fail("no local header where the directory says");
    cursor.skip(22);
    if (const std::size_t size = cursor.u16(); size != entry_.name.size()) {
      differs("a name of the size", size, entry_.name.size());
    }
    return cursor.u16();
  }

  void check_fields(Cursor cursor, std::uint64_t extra_size) const {
    cursor.skip(6);  // signature, version needed
    if (const std::uint16_t flags = cursor.u16(); flags != entry_.flags) differs("the flags", flags, entry_.flags);
    if (const std::uint16_t method = cursor.u16(); method != entry_.method) {
      differs("the compression method", method, entry_.method);
    }
    cursor.skip(4);  // time, date
    const std::uint32_t crc = cursor.u32(), stored = cursor.u32(), size = cursor.u32();
    cursor.skip(4);  // lengths
    if (const std::string_view local = cursor.text(entry_.name.size()); local != entry_.name) {
      differs("the name", shortened(local, 80), shortened(entry_.name, 80));
    }
    const Zip64Extra extra = read_zip64_extra(cursor, extra_size);
    // Before a data descriptor follows, a local header may leave checksum and sizes 0 (torch does); in its 64-bit
    // part torch fills in only the first.
    const auto agrees = [&](std::uint64_t local, std::uint64_t central) {
      return local == central || (has_descriptor() && local == 0);
    };
    const auto wide = [&](std::uint32_t local, std::size_t place) {
      return local == 0xFFFFFFFF && extra.values.size() > place ? extra.values[place] : std::uint64_t{local};
    };
    const std::uint64_t wide_size = wide(size, 0), wide_stored = wide(stored, 1);
    if (!agrees(crc, entry_.crc)) differs("the checksum", crc, entry_.crc);
    if (!agrees(wide_size, entry_.size)) differs("the size", wide_size, entry_.size);
    if (!agrees(wide_stored, entry_.stored)) differs("the stored size", wide_stored, entry_.stored);
  }

  // Between the content and what follows lies the data descriptor, or nothing.
  void check_gap(std::uint64_t end) const {
    const std::uint64_t gap = limit_ - end;
    if (!has_descriptor()) {
      if (gap != 0) {
        fail_at(end, fmt::format("{} bytes after its content belong to nothing{}", gap,
                                 hidden_archive(source_, end, limit_)));
      }
      return;
    }
    // With or without a signature, with sizes of 32 or 64 bits (APPNOTE 4.3.9).
    if (gap != 12 && gap != 16 && gap != 20 && gap != 24) {
      fail_at(end, fmt::format("the {} bytes after its content are not a data descriptor{}", gap,
                               hidden_archive(source_, end, limit_)));
    }
    Cursor cursor(read_copy(source_, end, gap), source_.name(), end);
    if ((gap == 16 || gap == 24) && cursor.u32() != kDescriptorSignature) {
      fail_at(end, "its data descriptor lacks the signature");
    }
    const bool wide = gap >= 20;
    const std::uint32_t crc = cursor.u32();
    const std::uint64_t stored = wide ? cursor.u64() : cursor.u32(), size = wide ? cursor.u64() : cursor.u32();
    if (crc != entry_.crc || stored != entry_.stored || size != entry_.size) {
      fail_at(end, fmt::format("its data descriptor has checksum {:08x}, sizes {} and {}, where the directory has "
                               "{:08x}, {} and {}",
                               crc, stored, size, entry_.crc, entry_.stored, entry_.size));
    }
  }

  const Source& source_;
  const ZipCentral& entry_;
  std::uint64_t limit_;  // where the next header or the directory begins
  const std::string& behind_;
};

// A deflated archive that would fill memory or disk out of nothing.
void check_ratio(const Source& source, const std::vector<ZipCentral>& entries) {
  std::uint64_t total = 0;
  for (const ZipCentral& entry : entries) {
    if (entry.method == 0) continue;
    if (__builtin_add_overflow(total, entry.size, &total) || grows_too_much(total, source.size())) {
      throw Error(Errc::unsupported,
                  fmt::format("entry '{}': the archive claims to decode to more than {} times its own size",
                              shortened(entry.name, 80), kMostGrowth),
                  {.file = source.name(), .offset = entry.at, .tensor = {}},
                  "save it without compression with the framework that wrote it");
    }
  }
}

}  // namespace

std::vector<ZipEntry> read_zip(const Source& source, ZipNames names) {
  const ZipDirectory directory = read_zip_directory(source, names);
  const std::vector<ZipCentral>& central = directory.entries;
  check_ratio(source, central);
  std::vector<std::size_t> order(central.size());  // by place in the file
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return central[a].header < central[b].header; });
  // In the order of their places, so that this bounds them all.
  if (const ZipCentral& last = central[order.back()]; last.header >= directory.offset) {
    throw Error(Errc::corrupt,
                fmt::format("{} claims to lie at 0x{:x}, but the entries end at 0x{:x}", label(last), last.header,
                            directory.offset),
                {.file = source.name(), .offset = last.at, .tensor = {}});
  }
  if (const std::uint64_t first = central[order.front()].header; first != 0) {
    throw Error(Errc::corrupt,
                fmt::format("{} bytes before the first entry, at 0x{:x}, belong to nothing{}", first, first,
                            hidden_archive(source, 0, first)),
                {.file = source.name(), .offset = 0, .tensor = {}});
  }
  std::vector<ZipEntry> entries(central.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const ZipCentral& entry = central[order[i]];
    const Limit limit = i + 1 < order.size() ? Limit{central[order[i + 1]].header, label(central[order[i + 1]])}
                                             : Limit{directory.offset, "the directory"};
    ZipEntry& out = entries[order[i]];
    out.offset = LocalChecker(source, entry, limit).check();
    out.name = entry.name;
    out.header = entry.header;
    out.stored = entry.stored;
    out.size = entry.size;
    out.deflated = entry.method != 0;
    if (entry.crc != 0) out.crc = entry.crc;
  }
  return entries;
}

std::string zip_entry_label(const Source& source, const ZipEntry& entry) { return source.name() + '!' + entry.name; }

Bytes read_zip_entry(const Source& source, const ZipEntry& entry, std::uint64_t most) {
  const std::string label = zip_entry_label(source, entry);
  const auto fail = [&](Errc code, const std::string& message) {
    throw Error(code, message, {.file = label, .offset = 0, .tensor = {}});
  };
  if (entry.size > most || entry.stored > most) {
    fail(Errc::unsupported,
         fmt::format("is of {} bytes; at most {} are read", std::max(entry.size, entry.stored), most));
  }
  Bytes bytes = read_copy(source, entry.offset, entry.stored);
  if (entry.deflated) bytes = inflate(bytes.view(), entry.size, label, 0);
  if (entry.crc) {
    const std::uint32_t found = crc32(0, bytes.view());
    if (found != *entry.crc) {
      fail(Errc::corrupt, fmt::format("checksum mismatch: CRC-32 {:08x} computed, {:08x} stored", found, *entry.crc));
    }
  }
  return bytes;
}

}  // namespace transload::wire
