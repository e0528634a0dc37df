#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tokenizer/unicode_differences.h"

namespace transload::tokenizer {
namespace {

utf8proc_category_t category(char32_t code) noexcept { return utf8proc_category(static_cast<utf8proc_int32_t>(code)); }

bool between(char32_t code, char32_t first, char32_t last) noexcept { return code >= first && code <= last; }

bool is_mark(utf8proc_category_t kind) noexcept { return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME; }

// Marks that follow one character are in the order of their classes; 0 begins a new character.
int combining_class(char32_t code) noexcept {
  if (code < 0x300 || differs(Property::combining, code)) return 0;
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(code))->combining_class;
}

}  // namespace

Character character_at(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  char32_t code = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) code = (code << 6) | (byte(i) & 0x3Fu);
  return {code, size};
}

Character character_before(std::string_view text, std::size_t end) noexcept {
  std::size_t at = end - 1;
  while ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return character_at(text, at);
}

void append(std::string& text, char32_t code) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  text.append(bytes.begin(), bytes.begin() + size);
}

bool is_letter(char32_t code) noexcept {
  const auto kind = category(code);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) != differs(Property::letter, code);
}

bool is_number(char32_t code) noexcept {
  const auto kind = category(code);
  return (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO) != differs(Property::number, code);
}

bool is_space(char32_t code) noexcept {
  return code == 0x20 || between(code, 9, 13) || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         between(code, 0x2000, 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
         code == 0x3000;
}

bool is_word(char32_t code) noexcept {
  const auto kind = category(code);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) || is_mark(kind) ||
         kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_PC ||
         code == 0x200C || code == 0x200D ||  // the joiners
         // Symbols that are Alphabetic: letters in circles and squares.
         between(code, 0x24B6, 0x24E9) || between(code, 0x1F130, 0x1F149) || between(code, 0x1F150, 0x1F169) ||
         between(code, 0x1F170, 0x1F189);
}

bool is_control(char32_t code) noexcept {
  if (code == '\t' || code == '\n' || code == '\r') return false;
  const auto kind = category(code);
  return (kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CO) !=
         differs(Property::control, code);
}

bool is_punctuation(char32_t code) noexcept {
  if (code < 0x80)
    return between(code, '!', '/') || between(code, ':', '@') || between(code, '[', '`') || between(code, '{', '~');
  const auto kind = category(code);
  return (kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO) != differs(Property::punctuation, code);
}

bool is_nonspacing_mark(char32_t code) noexcept {
  return (category(code) == UTF8PROC_CATEGORY_MN) != differs(Property::nonspacing, code);
}

bool is_chinese(char32_t code) noexcept {
  return between(code, 0x4E00, 0x9FFF) || between(code, 0x3400, 0x4DBF) || between(code, 0x20000, 0x2A6DF) ||
         between(code, 0x2A700, 0x2B73F) || between(code, 0x2B740, 0x2B81F) || between(code, 0x2B920, 0x2CEAF) ||
         between(code, 0xF900, 0xFAFF) || between(code, 0x2F800, 0x2FA1F);
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, size] = character_at(text, at);
    at += size;
    if (code == 0x130) {
      out += "i\u0307";  // the only character whose lower case is two
    } else {
      append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
    }
  }
  return out;
}

std::string decomposed(std::string_view text) {
  struct Mark {
    char32_t code;
    int order;
  };
  std::vector<Mark> marks;  // that wait for the end of their run
  std::string out;
  out.reserve(text.size());
  const auto flush = [&] {
    std::ranges::stable_sort(marks, {}, &Mark::order);
    for (const Mark& mark : marks) append(out, mark.code);
    marks.clear();
  };
  std::array<utf8proc_int32_t, 16> parts{};
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, size] = character_at(text, at);
    at += size;
    parts[0] = static_cast<utf8proc_int32_t>(code);
    int boundary = 0;
    const auto count =
        code < 0xC0 || differs(Property::decomposition, code)
            ? 1
            : utf8proc_decompose_char(parts[0], parts.data(), parts.size(), UTF8PROC_DECOMPOSE, &boundary);
    for (auto i = 0; i < count; ++i) {
      const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
      const int order = combining_class(part);
      if (order == 0) {
        flush();
        append(out, part);
      } else {
        marks.push_back({part, order});
      }
    }
  }
  flush();
  return out;
}

}  // namespace transload::tokenizer
