#include "core/text.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace transload {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`, 0 where there is none (RFC 3629: no surrogates, no
// overlong forms, nothing above U+10FFFF); `code` receives the character.
std::size_t utf8_sequence(std::string_view text, char32_t& code) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
  return length;
}

// Characters that show nothing, or change how the text around them is shown.
bool deceptive(char32_t code) noexcept {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C || code == 0xFEFF ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || (code >= 0xFFF0 && code <= 0xFFFB) || code >= 0xE0000;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t code = 0;
    const std::size_t length = utf8_sequence(text, code);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (code == '\\') {
      out += "\\\\";
    } else if (code == '\n') {
      out += "\\n";
    } else if (deceptive(code)) {
      out += code < 0x100 ? fmt::format("\\x{:02x}", static_cast<unsigned>(code))
                          : fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(code));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return escaped(text);
  const std::size_t half = most / 2;
  return fmt::format("{}...{} ({} bytes)", escaped(text.substr(0, half)), escaped(text.substr(text.size() - half)),
                     text.size());
}

bool valid_utf8(std::string_view text) noexcept {
  char32_t code = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text, code);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  // reached[j]: the pattern so far matches the first j bytes of the text.
  std::vector<char> reached(text.size() + 1, 0);
  reached[0] = 1;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*') {
      const bool across = i + 1 < pattern.size() && pattern[i + 1] == '*';
      i += across ? 1 : 0;
      for (std::size_t j = 1; j <= text.size(); ++j) {
        reached[j] = reached[j] || (reached[j - 1] && (across || text[j - 1] != '/'));
      }
      continue;
    }
    for (std::size_t j = text.size(); j > 0; --j) {
      reached[j] = reached[j - 1] && (pattern[i] == '?' || pattern[i] == text[j - 1]);
    }
    reached[0] = 0;
  }
  return reached[text.size()] != 0;
}

}  // namespace transload
