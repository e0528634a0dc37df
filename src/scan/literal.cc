#include "scan/literal.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "wire/pickle_escapes.h"

namespace transload::scanning {
namespace {

using Code = SurveyLiteral::Code;

std::optional<unsigned> hex(std::string_view digits) {
  unsigned value = 0;
  for (const char c : digits) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                  : 16;
    if (digit > 15) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

// Characters to U+00FF as bytes; others as they are.
std::string from_utf8(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if ((lead == 0xc2 || lead == 0xc3) && i + 1 < text.size()) {
      const auto next = static_cast<unsigned char>(text[++i]);
      bytes.push_back(static_cast<char>((lead & 3) << 6 | (next & 0x3f)));
    } else {
      bytes.push_back(text[i]);
    }
  }
  return bytes;
}

// What stands between the quotes, with the escapes of Python 2's repr() resolved.
std::string from_quoted(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  if (!text.empty() && (text.front() == '\'' || text.front() == '"')) text.remove_prefix(1);
  if (!text.empty() && (text.back() == '\'' || text.back() == '"')) text.remove_suffix(1);
  constexpr std::string_view kLetters = "abfnrtv\\'\"", kMeant = "\a\b\f\n\r\t\v\\'\"";
  std::string content;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      content.push_back(text[i]);
      continue;
    }
    const char letter = text[++i];
    if (const std::size_t at = kLetters.find(letter); at != kLetters.npos) {
      content.push_back(kMeant[at]);
    } else if (const auto value = letter == 'x' && text.size() - i > 2 ? hex(text.substr(i + 1, 2)) : std::nullopt) {
      content.push_back(static_cast<char>(*value));
      i += 2;
    } else if (letter >= '0' && letter <= '7') {
      unsigned octal = 0;
      std::size_t digits = 0;
      for (; digits < 3 && i + digits < text.size() && text[i + digits] >= '0' && text[i + digits] <= '7'; ++digits) {
        octal = octal * 8 + static_cast<unsigned>(text[i + digits] - '0');
      }
      content.push_back(static_cast<char>(octal));
      i += digits - 1;
    } else {
      content.push_back('\\');
      content.push_back(letter);
    }
  }
  return content;
}

// Of a line that may be cut off in an escape. What Python would refuse stays as it is.
std::string from_escaped(std::string_view text) {
  for (const std::string_view tried : {text, text.substr(0, std::min(text.rfind('\\'), text.size()))}) {
    if (const std::optional<std::string> content = wire::decode_raw_unicode(tried)) return from_utf8(*content);
  }
  return std::string(text);
}

}  // namespace

std::uint64_t stored_for(const SurveyLiteral& literal, std::uint64_t most) {
  constexpr std::uint64_t kLongestEscape = 10;  // \UXXXXXXXX
  return std::min(literal.size, literal.code == Code::plain ? most : most * kLongestEscape);
}

std::string decoded(std::string stored, SurveyLiteral::Code code, std::uint64_t most) {
  std::string text = std::move(stored);
  switch (code) {
    case Code::plain: break;
    case Code::utf8: text = from_utf8(text); break;
    case Code::quoted: text = from_quoted(text); break;
    case Code::escaped: text = from_escaped(text); break;
  }
  if (text.size() > most) text.resize(most);
  return text;
}

std::string literal_content(const Source& source, const SurveyLiteral& literal, std::uint64_t most) {
  std::string stored(stored_for(literal, most), '\0');
  if (!stored.empty()) source.read(literal.offset, std::as_writable_bytes(std::span(stored)));
  return decoded(std::move(stored), literal.code, most);
}

bool looks_like_a_file(std::string_view head) {
  if (head.size() < 4) return false;
  if (head[0] == '\x80' && head[1] >= 0 && head[1] <= 5) return true;
  if (head.starts_with("PK\x03\x04") || head.starts_with("\x93NUMPY")) return true;
  // Protocol 0 imports with GLOBAL or INST: two lines of text after the letter. Protocol 1 the same.
  const std::size_t line = head.find('\n');
  if (line == head.npos) return false;
  const std::size_t import = head.find_first_of("ci");
  return import < line && head.find('\n', line + 1) != head.npos;
}

bool is_inner_name(std::string_view text) {
  constexpr std::array<std::string_view, 9> kInner{"__class__",      "__globals__", "__builtins__",
                                                   "__import__",     "__reduce__",  "__reduce_ex__",
                                                   "__subclasses__", "__code__",    "__getattribute__"};
  return std::ranges::find(kInner, text) != kInner.end();
}

}  // namespace transload::scanning
