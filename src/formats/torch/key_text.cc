#include "formats/torch/key_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "core/text.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::size_t kLongestKey = 4096, kLongestTuple = 64;

// Python's repr(float): the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  const std::string_view sign = std::signbit(value) ? "-" : "";
  value = std::abs(value);
  if (std::isinf(value)) return fmt::format("{}inf", sign);
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + 1 + (text[e + 1] == '+' ? 1 : 0), end, exponent);
  if (exponent < -4 || exponent >= 16) {
    return fmt::format("{}{}e{}{:02}", sign, text.substr(0, e), exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  std::string digits(text.substr(0, e));
  std::erase(digits, '.');
  if (exponent < 0) return fmt::format("{}0.{:0>{}}{}", sign, "", -exponent - 1, digits);
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole + 1) digits.append(whole + 1 - digits.size(), '0');
  return fmt::format("{}{}.{}", sign, digits.substr(0, whole), digits.substr(whole));
}

// A two's complement number of any size, in decimal.
std::string wide_text(ByteView little_endian) {
  std::vector<std::uint8_t> bytes;
  for (const std::byte b : little_endian) bytes.push_back(static_cast<std::uint8_t>(b));
  const bool negative = !bytes.empty() && bytes.back() >= 0x80;
  if (negative) {
    unsigned carry = 1;
    for (std::uint8_t& b : bytes) {
      carry += static_cast<std::uint8_t>(~b);
      b = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
  }
  std::vector<char> digits;
  while (std::ranges::any_of(bytes, [](std::uint8_t b) { return b != 0; })) {
    unsigned rest = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      rest = rest << 8 | bytes[i];
      bytes[i] = static_cast<std::uint8_t>(rest / 10);
      rest %= 10;
    }
    digits.push_back(static_cast<char>('0' + rest));
  }
  if (digits.empty()) digits.push_back('0');
  if (negative) digits.push_back('-');
  return {digits.rbegin(), digits.rend()};
}

std::string quoted(std::string_view text, bool is_bytes) {
  const bool doubled = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = doubled ? '"' : '\'';
  std::string out(is_bytes ? "b" : "");
  out += quote;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == quote) {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F || (is_bytes && byte > 0x7F)) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out += quote;
}

class Printer {
 public:
  Printer(const Pickle& pickle, PickleRef key) : pickle_(pickle), key_(key) {}

  std::string text() {
    if (pickle_.kind(key_) == PickleKind::text) {
      append(checked_text(key_));
      return std::move(out_);
    }
    todo_.push_back({key_, {}});
    while (!todo_.empty()) {
      const Item item = todo_.back();
      todo_.pop_back();
      if (item.literal.empty()) {
        print(item.ref);
      } else {
        append(item.literal);
      }
    }
    return std::move(out_);
  }

 private:
  struct Item {
    PickleRef ref;
    std::string_view literal;  // printed instead where it is not empty
  };

  void append(std::string_view text) {
    if (text.size() > kLongestKey - out_.size()) {
      pickle_.fail(key_, fmt::format("a key of more than {} bytes", kLongestKey), Errc::unsupported);
    }
    out_ += text;
  }

  std::string_view checked_text(PickleRef ref) const {
    const std::string_view text = pickle_.text(ref);
    if (text.size() <= kLongestKey && !valid_utf8(text)) pickle_.fail(ref, "a key that is not valid UTF-8");
    return text;
  }

  void print(PickleRef ref) {
    switch (pickle_.kind(ref)) {
      case PickleKind::none: return append("None");
      case PickleKind::boolean: return append(pickle_.boolean(ref) ? "True" : "False");
      case PickleKind::integer: return append(std::to_string(pickle_.integer(ref)));
      case PickleKind::wide: return append(wide_text(pickle_.wide(ref)));
      case PickleKind::floating: return append(float_text(pickle_.floating(ref)));
      case PickleKind::text: return append(quoted(checked_text(ref), false));
      case PickleKind::bytes: return append(quoted(pickle_.text(ref), true));
      case PickleKind::tuple: return print_tuple(ref);
      default:
        pickle_.fail(ref, fmt::format("{} as a key; only plain values can be one", name(pickle_.kind(ref))),
                     Errc::unsupported);
    }
  }

  void print_tuple(PickleRef ref) {
    const auto items = pickle_.items(ref);
    append("(");
    if (items.size() > kLongestTuple) {
      pickle_.fail(ref, fmt::format("a tuple of {} values as a key", items.size()), Errc::unsupported);
    }
    todo_.push_back({ref, items.size() == 1 ? ",)" : ")"});
    for (std::size_t i = items.size(); i-- > 0;) {
      todo_.push_back({items[i], {}});
      if (i != 0) todo_.push_back({ref, ", "});
    }
  }

  const Pickle& pickle_;
  PickleRef key_;
  std::string out_;
  std::vector<Item> todo_;
};

}  // namespace

bool has_key_text(const Pickle& pickle, PickleRef key) {
  std::vector<PickleRef> todo{key};
  for (std::size_t seen = 0; !todo.empty() && seen < kLongestTuple; ++seen) {
    const PickleRef ref = todo.back();
    todo.pop_back();
    if (pickle.kind(ref) == PickleKind::global || pickle.kind(ref) == PickleKind::call) return false;
    if (pickle.kind(ref) != PickleKind::tuple || pickle.items(ref).size() > kLongestTuple) continue;
    for (const PickleRef item : pickle.items(ref)) todo.push_back(item);
  }
  return true;
}

std::string key_text(const Pickle& pickle, PickleRef key) { return Printer(pickle, key).text(); }

}  // namespace transload::torch
