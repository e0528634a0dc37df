#include "mapping/dims.h"

#include <fmt/format.h>

namespace transload::mapping {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool capital(char c) { return c >= 'A' && c <= 'Z'; }

// At most six digits: sizes in a mapping file are small.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  std::size_t used = 0;
  while (used < text.size() && used < 6 && digit(text[used])) value = value * 10 + (text[used++] - '0');
  if (used == 0) return std::nullopt;
  text.remove_prefix(used);
  return value;
}

char take_capital(std::string_view& text) {
  if (text.empty() || !capital(text.front())) return 0;
  const char name = text.front();
  text.remove_prefix(1);
  return name;
}

}  // namespace

std::optional<Size> parse_size(std::string_view text) {
  Size size;
  const std::optional<std::int64_t> number = take_number(text);
  size.name = take_capital(text);
  if (size.name == 0) {
    if (!number || *number < 1 || !text.empty()) return std::nullopt;
    return Size{.times = 0, .name = 0, .over = 0, .plus = *number};
  }
  size.times = number.value_or(1);
  if (text.starts_with('/')) {
    text.remove_prefix(1);
    size.over = take_capital(text);
    if (size.over == 0 || size.over == size.name) return std::nullopt;
  }
  if (text.starts_with('+') || text.starts_with('-')) {
    const std::int64_t sign = text.front() == '+' ? 1 : -1;
    text.remove_prefix(1);
    const std::optional<std::int64_t> plus = take_number(text);
    if (!plus) return std::nullopt;
    size.plus = sign * *plus;
  }
  if (!text.empty() || size.times < 1) return std::nullopt;
  return size;
}

std::optional<std::int64_t> Dims::evaluate(const Size& size) const {
  if (!knows(size)) return std::nullopt;
  std::int64_t value = size.name == 0 ? 0 : at(size.name)->value;
  if (__builtin_mul_overflow(value, size.times, &value)) return std::nullopt;
  if (size.over != 0) {
    if (value % at(size.over)->value != 0) return std::nullopt;
    value /= at(size.over)->value;
  }
  if (__builtin_add_overflow(value, size.plus, &value) || value < 1) return std::nullopt;
  return value;
}

bool Dims::solve(const Size& size, std::int64_t value, const std::string& origin) {
  const bool name_known = size.name == 0 || at(size.name);
  const bool over_known = size.over == 0 || at(size.over);
  if (name_known == over_known) return false;
  std::int64_t product = 0;  // times * name / over
  if (__builtin_sub_overflow(value, size.plus, &product) || product < 1) return false;
  char unknown = size.name;
  if (name_known) {
    std::int64_t top = 0;
    if (__builtin_mul_overflow(at(size.name)->value, size.times, &top) || top % product != 0) return false;
    unknown = size.over;
    product = top / product;
  } else {
    if (size.over != 0 && __builtin_mul_overflow(product, at(size.over)->value, &product)) return false;
    if (product % size.times != 0) return false;
    product /= size.times;
  }
  set(unknown, product, origin);
  return true;
}

std::string Dims::reasons(const Size& size) const {
  std::string text;
  for (const char name : {size.name, size.over}) {
    if (name == 0 || !at(name)) continue;
    text += fmt::format("{}{} = {} by {}", text.empty() ? "" : ", ", name, at(name)->value, at(name)->origin);
  }
  return text;
}

}  // namespace transload::mapping
