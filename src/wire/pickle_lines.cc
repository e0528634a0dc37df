// Opcodes of protocols 0 and 1 whose argument is a line of text. See pickle_steps.cc for the table.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "transload/error.h"
#include "wire/pickle_escapes.h"
#include "wire/pickle_machine.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kLongestFloat = 64;
constexpr std::uint64_t kLongestLong = 41;  // a sign, the 39 digits of 2^127, an L
constexpr std::size_t kWide = 16;

// Digits to a number of 127 bits, least significant byte first. False where it is none or larger.
bool parse(std::string_view digits, std::array<std::uint8_t, kWide>& bytes) {
  bytes.fill(0);
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    unsigned carry = static_cast<unsigned>(c - '0');
    for (std::uint8_t& byte : bytes) {
      carry += byte * 10u;
      byte = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) return false;
  }
  return !digits.empty() && bytes.back() < 0x80;
}

void negate(std::array<std::uint8_t, kWide>& bytes) {
  unsigned carry = 1;
  for (std::uint8_t& byte : bytes) {
    carry += static_cast<std::uint8_t>(~byte);
    byte = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

}  // namespace

void PickleMachine::do_float_text() {
  const std::string_view digits = line(kLongestFloat, "a decimal number");
  PickleValue value;
  value.kind = PickleKind::floating;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value.floating);
  if (error != std::errc{} || end != digits.data() + digits.size()) fail("FLOAT without a decimal number");
  push(value);
}

void PickleMachine::do_long_text() {
  std::string_view digits = line(kLongestLong, "a decimal integer");
  if (digits.ends_with('L')) digits.remove_suffix(1);
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  std::array<std::uint8_t, kWide> bytes;
  if (!parse(digits, bytes)) fail("LONG without a decimal integer of at most 127 bits");
  if (negative) negate(bytes);
  // As few bytes as hold it, as LONG1 has them.
  std::size_t size = kWide;
  const std::uint8_t sign = bytes.back() >= 0x80 ? 0xFF : 0;
  while (size > 1 && bytes[size - 1] == sign && (bytes[size - 2] >= 0x80) == (sign != 0)) --size;
  const std::string_view stored(reinterpret_cast<const char*>(bytes.data()), size);
  if (size <= 8) {
    std::uint64_t integer = sign != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = size; i-- > 0;) integer = integer << 8 | bytes[i];
    PickleValue value;
    value.kind = PickleKind::integer;
    value.integer = static_cast<std::int64_t>(integer);
    return push(value);
  }
  push(decoded(PickleKind::wide, stored));
}

void PickleMachine::do_string() {
  const std::string_view quoted = line(out_.data_.size(), "a string");
  if (quoted.size() < 2 || (quoted.front() != '\'' && quoted.front() != '"') || quoted.back() != quoted.front()) {
    fail("STRING without quotes");
  }
  const std::string_view inside = quoted.substr(1, quoted.size() - 2);
  PickleValue value;
  if (inside.find('\\') == std::string_view::npos) {
    value = span_at(PickleKind::text, inside);
  } else {
    const auto text = decode_string_escapes(inside);
    if (!text) fail("STRING with a broken escape");
    value = decoded(PickleKind::text, *text);
  }
  value.flag = true;
  push(value);
}

void PickleMachine::do_unicode() {
  const std::string_view written = line(out_.data_.size(), "a string");
  const bool plain =
      std::ranges::none_of(written, [](char c) { return c == '\\' || static_cast<unsigned char>(c) > 0x7F; });
  if (plain) return push(span_at(PickleKind::text, written));
  const auto text = decode_raw_unicode(written);
  if (!text) fail("UNICODE with a broken escape");
  push(decoded(PickleKind::text, *text));
}

}  // namespace transload::wire
