#include "formats/tensor_bundle/checkpoint_file.h"

#include <fmt/format.h>

#include <optional>

#include "core/text.h"
#include "transload/error.h"

namespace transload::tensor_bundle {
namespace {

// protobuf's CEscape: what is not printable ASCII as three octal digits.
std::string c_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '"': out += "\\\""; break;
      case '\'': out += "\\'"; break;
      case '\\': out += "\\\\"; break;
      default:
        if (const auto byte = static_cast<unsigned char>(c); byte >= 0x20 && byte < 0x7F) {
          out += c;
        } else {
          out += fmt::format("\\{:03o}", byte);
        }
    }
  }
  return out;
}

// The tokens of protobuf's text format, as far as a flat message of scalars needs them.
class Tokens {
 public:
  Tokens(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  bool done() {
    skip_blanks();
    return at_ == text_.size();
  }
  std::string_view identifier() {
    skip_blanks();
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (at_ == start) fail("a field name is expected here");
    return text_.substr(start, at_ - start);
  }
  bool accept(char wanted) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  // A string, or nothing where a number or a word stands, which is skipped.
  std::optional<std::string> scalar() {
    skip_blanks();
    if (at_ == text_.size()) fail("a value is expected here");
    if (text_[at_] == '"' || text_[at_] == '\'') {
      std::string value = quoted();
      for (skip_blanks(); at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\''); skip_blanks()) {
        value += quoted();  // strings side by side are one
      }
      return value;
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (at_ == start) fail("a value is expected here");
    return std::nullopt;
  }
  [[noreturn]] void fail(std::string_view message) const {
    throw Error(Errc::corrupt, fmt::format("not the text of a checkpoint state: {}", message),
                {.file = file_, .offset = at_, .tensor = {}});
  }

 private:
  static bool is_digit(char c, char last) { return c >= '0' && c <= last; }
  static bool is_word(char c) {
    return is_digit(c, '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
  }
  void skip_blanks() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        if (at_ == text_.size()) return;
      } else if (text_[at_] != ' ' && text_[at_] != '\t' && text_[at_] != '\r' && text_[at_] != '\n') {
        return;
      }
    }
  }
  std::string quoted() {
    const char quote = text_[at_++];
    std::string out;
    while (true) {
      if (at_ == text_.size() || text_[at_] == '\n') fail("a string does not end");
      const char c = text_[at_++];
      if (c == quote) return out;
      out += c == '\\' ? escape() : c;
    }
  }
  char escape() {
    if (at_ == text_.size()) fail("a string does not end");
    const char c = text_[at_++];
    if (is_digit(c, '7')) {
      unsigned value = static_cast<unsigned>(c - '0');
      for (int i = 0; i < 2 && at_ < text_.size() && is_digit(text_[at_], '7'); ++i) {
        value = value * 8 + static_cast<unsigned>(text_[at_++] - '0');
      }
      return static_cast<char>(value);
    }
    switch (c) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case '"':
      case '\'':
      case '\\': return c;
      default: fail(fmt::format("unknown escape \\{}", escaped(std::string(1, c))));
    }
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
};

bool leaves_its_folder(std::string_view path) {
  while (true) {
    const std::size_t end = path.find('/');
    if (path.substr(0, end) == "..") return true;
    if (end == std::string_view::npos) return false;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

std::string checkpoint_text(std::string_view prefix) {
  const std::string name = c_escaped(prefix);
  return fmt::format("model_checkpoint_path: \"{}\"\nall_model_checkpoint_paths: \"{}\"\n", name, name);
}

std::string checkpoint_prefix(std::string_view text, const std::string& file) {
  Tokens tokens(text, file);
  std::optional<std::string> prefix;
  while (!tokens.done()) {
    const std::string_view field = tokens.identifier();
    if (!tokens.accept(':')) tokens.fail("':' is expected here");
    const std::optional<std::string> value = tokens.scalar();
    if (field == "model_checkpoint_path") {
      if (!value || prefix) tokens.fail("model_checkpoint_path must be one string");
      prefix = value;
    }
    if (!tokens.accept(';')) tokens.accept(',');
  }
  if (!prefix || prefix->empty()) tokens.fail("it names no model_checkpoint_path");
  if (leaves_its_folder(*prefix)) {
    throw Error(Errc::unsupported, fmt::format("it names '{}', outside of its folder", shortened(*prefix)),
                {.file = file, .offset = {}, .tensor = {}}, "Name the checkpoint itself, by its prefix.");
  }
  return *prefix;
}

}  // namespace transload::tensor_bundle
