#include "scan/tar_header.h"

#include <algorithm>

namespace transload::scanning {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{1} << 62;
constexpr std::size_t kSum = 148, kSumSize = 8;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f'); }
bool is_octal(char c) { return c >= '0' && c <= '7'; }

TarNumber of_bytes(std::string_view field) {
  TarNumber number;
  for (const char c : field.substr(1)) {
    number.value = number.value >= kLargest >> 8 ? kLargest : number.value << 8 | static_cast<unsigned char>(c);
  }
  if (field[0] == '\xff') {  // negative, in two's complement
    number.negative = true;
    const std::size_t bits = 8 * (field.size() - 1);
    number.value = bits < 62 ? (std::uint64_t{1} << bits) - number.value : kLargest;
  }
  const std::size_t bits = 3 * (field.size() - 1);
  number.plain = field[0] == '\x80' && bits < 62 && number.value >> bits != 0;
  return number;
}

}  // namespace

std::optional<TarNumber> tar_number(std::string_view field) {
  if (field.starts_with('\x80') || field.starts_with('\xff')) return of_bytes(field);
  std::string_view digits = field.substr(0, field.find('\0'));
  TarNumber number;
  number.plain = std::ranges::all_of(digits, [](char c) { return c == ' ' || is_octal(c); });
  while (!digits.empty() && is_blank(digits.front())) digits.remove_prefix(1);
  while (!digits.empty() && is_blank(digits.back())) digits.remove_suffix(1);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.starts_with("0o") || digits.starts_with("0O")) {
    digits.remove_prefix(2);
    if (digits.starts_with('_')) digits.remove_prefix(1);
    if (digits.empty()) return std::nullopt;
  }
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool between = i > 0 && i + 1 < digits.size() && digits[i - 1] != '_';
    if (digits[i] == '_' && between) continue;
    if (!is_octal(digits[i])) return std::nullopt;
    number.value = number.value >= kLargest >> 3 ? kLargest : number.value * 8 + static_cast<unsigned>(digits[i] - '0');
  }
  number.negative = negative && number.value != 0;
  return number;
}

TarSum tar_sum(std::string_view header) {
  const std::optional<TarNumber> stored = tar_number(header.substr(kSum, kSumSize));
  if (!stored) return {};
  std::int64_t without = 0, with = 0;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const char c = i >= kSum && i < kSum + kSumSize ? ' ' : header[i];
    without += static_cast<unsigned char>(c);
    with += static_cast<signed char>(c);
  }
  const auto size = static_cast<std::int64_t>(stored->value);
  const std::int64_t value = stored->negative ? -size : size;
  return {.right = value == without || value == with, .plain = stored->plain};
}

}  // namespace transload::scanning
