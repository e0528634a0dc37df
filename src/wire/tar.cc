#include "wire/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/text.h"
#include "transload/error.h"
#include "wire/cursor.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kBlock = 512;
constexpr std::size_t kMostEntries = 1000;
constexpr std::uint64_t kLargestPax = 64 << 10;
constexpr std::uint64_t kMostTrail = 1 << 20;  // zeros behind the end: writers fill a record, of 10 KiB by default

// Fields of a header: where they begin, and their size.
struct Field {
  std::size_t at, size;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kSum{148, 8}, kMagic{257, 6}, kPrefix{345, 155};
constexpr std::size_t kType = 156;

class TarDirectory {
 public:
  explicit TarDirectory(const Source& source) : source_(source) {}

  std::vector<TarEntry> read() {
    while (next()) {
    }
    check_end();
    return std::move(entries_);
  }

 private:
  [[noreturn]] void fail(std::uint64_t at, std::string_view message, Errc code = Errc::corrupt) const {
    throw Error(code, message, {.file = source_.name(), .offset = at, .tensor = {}});
  }

  std::vector<char> bytes(std::uint64_t at, std::uint64_t size) const {
    if (at > source_.size() || size > source_.size() - at) {
      fail(source_.size(), "the tar archive is cut off: its end is missing");
    }
    std::vector<char> out(size);
    if (size != 0) source_.read(at, std::as_writable_bytes(std::span(out)));
    return out;
  }

  static std::string_view text(const std::vector<char>& block, Field field) {
    const std::string_view all(block.data() + field.at, field.size);
    return all.substr(0, all.find('\0'));
  }

  // Octal digits, ended by a blank or NUL or by the field.
  std::uint64_t number(const std::vector<char>& block, Field field, std::string_view what) const {
    std::string_view digits = text(block, field);
    while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
    while (!digits.empty() && digits.back() == ' ') digits.remove_suffix(1);
    std::uint64_t value = 0;
    for (const char c : digits) {
      if (c < '0' || c > '7') fail(at_ + field.at, fmt::format("the {} of a tar header is not an octal number", what));
      value = value * 8 + static_cast<std::uint64_t>(c - '0');  // at most 12 digits
    }
    if (digits.empty()) fail(at_ + field.at, fmt::format("the {} of a tar header is missing", what));
    return value;
  }

  void check_sum(const std::vector<char>& block) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const bool own = i >= kSum.at && i < kSum.at + kSum.size;  // counted as blanks
      sum += own ? std::uint64_t{' '} : static_cast<unsigned char>(block[i]);
    }
    if (const std::uint64_t stored = number(block, kSum, "checksum"); stored != sum) {
      fail(at_, fmt::format("the checksum of a tar header is {}, its bytes give {}", stored, sum));
    }
  }

  // False at the end of the archive.
  bool next() {
    const std::vector<char> block = bytes(at_, kBlock);
    if (std::ranges::all_of(block, [](char c) { return c == '\0'; })) return false;
    check_sum(block);
    if (text(block, kMagic) != "ustar") fail(at_, "not a header of a tar archive");
    TarEntry entry{.name = std::string(text(block, kName)), .header = at_, .offset = at_ + kBlock, .size = 0};
    entry.size = number(block, kSize, "size");
    const char type = block[kType];
    if (type == 'x') {
      read_pax(entry);
    } else {
      if (type != '0' && type != '\0') {
        fail(at_,
             fmt::format("tar entry '{}' is no regular file (type '{}')", shortened(entry.name, 80),
                         escaped(std::string_view(&type, 1))),
             Errc::unsupported);
      }
      if (!text(block, kPrefix).empty()) fail(at_, "a tar entry in a folder");
      if (pax_size_) entry.size = *std::exchange(pax_size_, std::nullopt);
      check_name(entry);
      entries_.push_back(entry);
    }
    skip_content(entry);
    return true;
  }

  void check_name(const TarEntry& entry) const {
    const auto plain = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
             c == '.';
    };
    if (entry.name.empty() || entry.name.front() == '.' || !std::ranges::all_of(entry.name, plain)) {
      fail(entry.header, fmt::format("tar entry '{}' does not have a plain name", shortened(entry.name, 80)));
    }
    const auto twin = std::ranges::find(entries_, entry.name, &TarEntry::name);
    if (twin != entries_.end()) {
      fail(entry.header, fmt::format("tar entry '{}' is there twice, also at 0x{:x}", entry.name, twin->header));
    }
    if (entries_.size() >= kMostEntries) {
      fail(entry.header, fmt::format("a tar archive of more than {} entries", kMostEntries), Errc::unsupported);
    }
  }

  void skip_content(const TarEntry& entry) {
    if (entry.size > source_.size() - entry.offset) {
      fail(entry.header, fmt::format("tar entry '{}' claims {} bytes where {} are left", shortened(entry.name, 80),
                                     entry.size, source_.size() - entry.offset));
    }
    const std::uint64_t end = entry.offset + entry.size;
    const std::uint64_t padding = (kBlock - end % kBlock) % kBlock;
    const std::vector<char> zeros = bytes(end, padding);
    if (!std::ranges::all_of(zeros, [](char c) { return c == '\0'; })) {
      fail(end, fmt::format("the padding behind tar entry '{}' is not zero", shortened(entry.name, 80)));
    }
    at_ = end + padding;
  }

  // Records "LENGTH KEY=VALUE\n". Only those that change nothing but the size are let through.
  void read_pax(const TarEntry& entry) {
    if (entry.size > kLargestPax) fail(at_, "a pax header that is too large", Errc::unsupported);
    if (pax_size_) fail(at_, "two pax headers before one tar entry");
    const std::vector<char> content = bytes(entry.offset, entry.size);
    std::string_view rest(content.data(), content.size());
    while (!rest.empty()) {
      const std::size_t blank = rest.find(' ');
      std::uint64_t length = 0;
      for (const char c : rest.substr(0, std::min<std::size_t>(blank, 8))) {
        if (c < '0' || c > '9') fail(entry.offset, "a pax record without its length");
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
      }
      if (blank > 8 || length <= blank + 1 || length > rest.size() || rest[length - 1] != '\n') {
        fail(entry.offset, "a pax record whose length is wrong");
      }
      const std::string_view record = rest.substr(blank + 1, length - blank - 2);
      const std::size_t equals = record.find('=');
      if (equals == std::string_view::npos) fail(entry.offset, "a pax record without a value");
      take_pax(entry, record.substr(0, equals), record.substr(equals + 1));
      rest.remove_prefix(length);
    }
  }

  void take_pax(const TarEntry& entry, std::string_view key, std::string_view value) {
    static constexpr std::array<std::string_view, 7> kHarmless = {"mtime", "atime", "ctime", "uid",
                                                                  "gid",   "uname", "gname"};
    if (std::ranges::find(kHarmless, key) != kHarmless.end()) return;
    if (key != "size" || pax_size_) {
      fail(entry.header, fmt::format("a pax header that sets '{}'", shortened(key, 40)), Errc::unsupported);
    }
    std::uint64_t size = 0;
    for (const char c : value) {
      if (c < '0' || c > '9' || __builtin_mul_overflow(size, std::uint64_t{10}, &size) ||
          __builtin_add_overflow(size, static_cast<std::uint64_t>(c - '0'), &size)) {
        fail(entry.header, "a pax header whose size is not a number");
      }
    }
    if (value.empty()) fail(entry.header, "a pax header without its size");
    pax_size_ = size;
  }

  void check_end() const {
    if (pax_size_) fail(at_, "a pax header without its tar entry");
    const std::uint64_t left = source_.size() - at_;
    if (left > kMostTrail) fail(at_, fmt::format("{} bytes follow the end of the tar archive", left));
    if (left < 2 * kBlock) fail(at_, "the tar archive is cut off: its end is missing");
    const std::vector<char> trail = bytes(at_, left);
    const auto found = std::ranges::find_if(trail, [](char c) { return c != '\0'; });
    if (found != trail.end()) {
      const auto place = static_cast<std::uint64_t>(found - trail.begin());
      fail(at_ + place, fmt::format("something follows the end of the tar archive at 0x{:x}", at_));
    }
  }

  const Source& source_;
  std::uint64_t at_ = 0;
  std::vector<TarEntry> entries_;
  std::optional<std::uint64_t> pax_size_;  // of the entry that follows
};

}  // namespace

std::vector<TarEntry> read_tar(const Source& source) { return TarDirectory(source).read(); }

}  // namespace transload::wire
