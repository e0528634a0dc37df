#include "wire/pickle_escapes.h"

#include <charconv>
#include <cstdint>

namespace transload::wire {
namespace {

// `count` hexadecimal digits at `at`.
std::optional<std::uint32_t> hex(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() - at < count) return std::nullopt;
  std::uint32_t value = 0;
  const char* const begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + count, value, 16);
  if (error != std::errc{} || end != begin + count) return std::nullopt;
  return value;
}

void append_utf8(std::string& out, std::uint32_t character) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<std::uint8_t>(byte)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6);
    put(0x80 | (character & 0x3F));
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  } else {
    put(0xF0 | character >> 18);
    put(0x80 | (character >> 12 & 0x3F));
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  }
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

}  // namespace

std::optional<std::string> decode_string_escapes(std::string_view text) {
  constexpr std::string_view kLetters = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    const char c = text[i];
    if (const std::size_t letter = kLetters.find(c); letter != std::string_view::npos) {
      out += kValues[letter];
    } else if (is_octal(c)) {
      unsigned value = 0;
      std::size_t end = i;
      while (end < text.size() && end < i + 3 && is_octal(text[end])) {
        value = value * 8 + static_cast<unsigned>(text[end++] - '0');
      }
      out += static_cast<char>(static_cast<std::uint8_t>(value));
      i = end - 1;
    } else if (c == 'x') {
      const auto value = hex(text, i + 1, 2);
      if (!value) return std::nullopt;
      out += static_cast<char>(static_cast<std::uint8_t>(*value));
      i += 2;
    } else {
      out += '\\';
      out += c;
    }
  }
  return out;
}

std::optional<std::string> decode_raw_unicode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escapes = text[i] == '\\' && i + 1 < text.size();
    if (!escapes) {
      append_utf8(out, static_cast<std::uint8_t>(text[i]));
      continue;
    }
    ++i;
    if (text[i] != 'u' && text[i] != 'U') {
      out += '\\';
      append_utf8(out, static_cast<std::uint8_t>(text[i]));
      continue;
    }
    const std::size_t digits = text[i] == 'u' ? 4 : 8;
    const auto character = hex(text, i + 1, digits);
    if (!character || *character > 0x10FFFF) return std::nullopt;
    append_utf8(out, *character);
    i += digits;
  }
  return out;
}

}  // namespace transload::wire
