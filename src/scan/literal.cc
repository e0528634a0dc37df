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

// The quotes around a text, of which a cut off one has only the first.
std::string_view inside_quotes(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  if (!text.empty() && (text.front() == '\'' || text.front() == '"')) text.remove_prefix(1);
  if (!text.empty() && (text.back() == '\'' || text.back() == '"')) text.remove_suffix(1);
  return text;
}

// Of a line that may be cut off in an escape. What Python would refuse stays as it is.
std::string unescaped(std::string_view text, std::optional<std::string> (*decode)(std::string_view)) {
  for (const std::string_view tried : {text, text.substr(0, std::min(text.rfind('\\'), text.size()))}) {
    if (std::optional<std::string> content = decode(tried)) return *std::move(content);
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
    case Code::quoted: text = unescaped(inside_quotes(text), wire::decode_string_escapes); break;
    case Code::escaped: text = from_utf8(unescaped(text, wire::decode_raw_unicode)); break;
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
