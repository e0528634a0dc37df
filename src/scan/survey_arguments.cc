#include "scan/survey_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace transload::scanning {
namespace {

void need(bool there) {
  if (!there) throw Stop{"is cut off"};
}

}  // namespace

Argument read_argument(Window& in, wire::PickleArgument kind) {
  Argument read;
  const auto length = [&](unsigned width, bool has_sign) {
    need(in.little(width, read.number));
    if (has_sign && read.number >> 31 != 0) throw Stop{"a length below 0"};
    read.offset = in.offset();
    read.size = read.number;
    if (!in.skip(read.size)) {
      throw Stop{fmt::format("declares {} bytes where {} are left", read.size, in.left())};
    }
  };
  switch (kind) {
    case wire::PickleArgument::none: break;
    case wire::PickleArgument::u8: need(in.little(1, read.number)); break;
    case wire::PickleArgument::u16: need(in.little(2, read.number)); break;
    case wire::PickleArgument::i32:
      need(in.little(4, read.number));
      read.number = static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(read.number)});
      break;
    case wire::PickleArgument::u32: need(in.little(4, read.number)); break;
    case wire::PickleArgument::u64:
    case wire::PickleArgument::f64: need(in.little(8, read.number)); break;
    case wire::PickleArgument::line:
      read.offset = in.offset();
      if (!in.line(read.first, kMostLine)) {
        // Python takes the rest of the file as the line, and its last byte as the end of it.
        need(in.offset() > read.offset + 1);
        if (read.first.size() <= kMostLine && read.first.size() == in.offset() - read.offset) read.first.pop_back();
      }
      read.size = in.offset() - read.offset - 1;
      break;
    case wire::PickleArgument::two_lines:
      need(in.line(read.first, kMostName));
      if (!in.line(read.second, kMostName)) {
        need(!read.second.empty());
        if (read.second.size() < kMostName) read.second.pop_back();
      }
      if (read.first.size() == kMostName || read.second.size() == kMostName) {
        read.long_name = true;
      }
      break;
    case wire::PickleArgument::bytes_u8: length(1, false); break;
    case wire::PickleArgument::bytes_i32: length(4, true); break;
    case wire::PickleArgument::bytes_u32: length(4, false); break;
    case wire::PickleArgument::bytes_u64: length(8, false); break;
  }
  return read;
}

std::uint64_t slot_of(std::string_view line, LargeSlots& large) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  const Stop none{"a slot of the memo that is not a number"};
  line = line.substr(0, line.find('\0'));
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  line = line.substr(0, line.find_last_not_of(kBlanks) + 1);
  const bool negative = line.starts_with('-');
  if (negative || line.starts_with('+')) line.remove_prefix(1);
  if (line.empty() || line.starts_with('_') || line.ends_with('_') || line.find("__") != line.npos) throw none;
  std::string digits;
  for (const char c : line) {
    if (c == '_') continue;
    if (c < '0' || c > '9') throw none;
    if (c != '0' || !digits.empty()) digits += c;
  }
  if (negative && !digits.empty()) throw none;
  if (digits.size() < 20) {  // else beyond 64 bits
    std::uint64_t slot = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), slot);
    if (slot < kMost) return slot;
  }
  if (large.size() >= kMostLargeSlots) return kMost + kMostLargeSlots;
  return large.try_emplace(std::move(digits), kMost + large.size()).first->second;
}

std::optional<std::int64_t> decimal(std::string_view line) {
  while (!line.empty() && (line.back() == 'L' || line.back() == '\r')) line.remove_suffix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> little_signed(std::string_view bytes) {
  if (bytes.size() > 8) return std::nullopt;
  std::uint64_t value = !bytes.empty() && static_cast<unsigned char>(bytes.back()) > 0x7f ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<std::int64_t>(value);
}

}  // namespace transload::scanning
