#include "tokenizer/steps.h"

#include <array>

#include "tokenizer/unicode.h"

namespace transload::tokenizer {
namespace {

std::string apply(const BertNormalizer& rules, std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, size] = character_at(text, at);
    const std::string_view character = text.substr(at, size);
    at += size;
    if (rules.clean_text && (code == 0 || code == 0xFFFD || is_control(code))) continue;
    if (rules.clean_text && is_space(code)) {
      out += ' ';
    } else if (rules.chinese && is_chinese(code)) {
      out += ' ';
      out += character;
      out += ' ';
    } else {
      out += character;
    }
  }
  if (rules.strip_accents) {
    const std::string parts = decomposed(out);
    out.clear();
    for (std::size_t at = 0; at < parts.size();) {
      const auto [code, size] = character_at(parts, at);
      if (!is_nonspacing_mark(code)) out.append(parts, at, size);
      at += size;
    }
  }
  return rules.lower_case ? lower_case(out) : out;
}

std::string apply(const Lowercase&, std::string_view text) { return lower_case(text); }
std::string apply(const Nfd&, std::string_view text) { return decomposed(text); }

void apply(const BertSplit&, std::string_view text, std::vector<std::string>& out) {
  std::size_t begin = 0;  // of the word that is being read
  const auto end_word = [&](std::size_t end) {
    if (end > begin) out.emplace_back(text.substr(begin, end - begin));
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, size] = character_at(text, at);
    const bool space = is_space(code);
    if (space || is_punctuation(code)) {
      end_word(at);
      if (!space) out.emplace_back(text.substr(at, size));
      begin = at + size;
    }
    at += size;
  }
  end_word(text.size());
}

void apply(const ByteLevel& rules, std::string_view text, std::vector<std::string>& out) {
  if (text.empty()) return;
  std::string spaced;
  if (rules.add_prefix_space && text.front() != ' ') {
    spaced = " " + std::string(text);
    text = spaced;
  }
  if (!rules.split) {
    out.push_back(printable_bytes(text));
    return;
  }
  for (const std::string_view piece : gpt2_pieces(text)) out.push_back(printable_bytes(piece));
}

enum class Kind { space, letter, number, other };

Kind kind_of(char32_t code) noexcept {
  if (is_space(code)) return Kind::space;
  if (is_letter(code)) return Kind::letter;
  return is_number(code) ? Kind::number : Kind::other;
}

// Length of the contraction at the start of `text`, or 0.
std::size_t contraction(std::string_view text) noexcept {
  for (const std::string_view known : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(known)) return known.size();
  }
  return 0;
}

}  // namespace

std::string normalized(const std::vector<Normalizer>& steps, std::string_view text) {
  std::string out(text);
  for (const Normalizer& step : steps) out = std::visit([&](const auto& rules) { return apply(rules, out); }, step);
  return out;
}

std::vector<std::string> words(const std::vector<Splitter>& steps, std::string_view text) {
  std::vector<std::string> out;
  if (!text.empty()) out.emplace_back(text);
  for (const Splitter& step : steps) {
    std::vector<std::string> next;
    for (const std::string& word : out) std::visit([&](const auto& rules) { apply(rules, word, next); }, step);
    out = std::move(next);
  }
  return out;
}

std::vector<std::string_view> gpt2_pieces(std::string_view text) {
  std::vector<std::string_view> pieces;
  // The end of the run of `kind` that goes on at `at`, and where its last character begins.
  struct Run {
    std::size_t end, last;
  };
  const auto run_of = [&](Kind kind, std::size_t at) {
    Run run{at, at};
    while (run.end < text.size()) {
      const auto [code, size] = character_at(text, run.end);
      if (kind_of(code) != kind) break;
      run.last = run.end;
      run.end += size;
    }
    return run;
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + contraction(text.substr(at));
    if (end == at) {
      // One ' ' goes with what follows, unless that is white space too.
      const std::size_t first = text[at] == ' ' && at + 1 < text.size() ? at + 1 : at;
      const Kind kind = kind_of(character_at(text, first).code);
      if (kind != Kind::space) {
        end = run_of(kind, first).end;
      } else {
        // White space leaves its last character to the word that follows.
        const Run run = run_of(Kind::space, at);
        end = run.end < text.size() && run.last > at ? run.last : run.end;
      }
    }
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

std::string printable_bytes(std::string_view text) {
  static const std::array<std::string, 256> kCharacters = [] {
    std::array<std::string, 256> characters;
    char32_t next = 256;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
      append(characters[byte], printable ? byte : next++);
    }
    return characters;
  }();
  std::string out;
  out.reserve(2 * text.size());
  for (const char byte : text) out += kCharacters[static_cast<unsigned char>(byte)];
  return out;
}

}  // namespace transload::tokenizer
