#include "formats/numpy/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/text.h"
#include "transload/error.h"
#include "wire/cursor.h"

namespace transload::numpy {
namespace {

class DictParser {
 public:
  DictParser(std::string_view text, const std::string& file, std::uint64_t base)
      : text_(text), file_(file), base_(base) {}

  Header parse() {
    expect('{', "the header is no Python dict");
    while (!accept('}')) {
      const std::size_t key = take_key();
      expect(':', "no ':' after a key");
      switch (key) {
        case 0: header_.descr = take_descr(); break;
        case 1: header_.fortran_order = take_bool(); break;
        default: header_.shape = take_shape();
      }
      if (accept(',')) continue;
      expect('}', "neither ',' nor '}' after a value");
      break;
    }
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      if (!seen_[i]) fail(fmt::format("the header has no '{}'", kKeys[i]));
    }
    at_ = std::min(text_.find_first_not_of(" \n", at_), text_.size());
    if (at_ != text_.size()) fail("something follows the header's dict");
    return std::move(header_);
  }

 private:
  static constexpr std::array<std::string_view, 3> kKeys{"descr", "fortran_order", "shape"};

  [[noreturn]] void fail(std::string_view message) const {
    throw Error(Errc::corrupt, message, {.file = file_, .offset = base_ + at_, .tensor = {}});
  }

  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c, std::string_view otherwise) {
    if (!accept(c)) fail(otherwise);
  }

  std::string_view take_string(std::string_view otherwise) {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail(otherwise);
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a string without its end");
    const std::string_view string = text_.substr(at_ + 1, end - at_ - 1);
    if (string.find_first_of("\\\n") != string.npos) fail("a string with an escape or a line break");
    at_ = end + 1;
    return string;
  }

  std::size_t take_key() {
    const std::string_view key = take_string("a key that is no string");
    const auto found = std::ranges::find(kKeys, key);
    if (found == kKeys.end()) fail(fmt::format("an unknown key '{}'", shortened(key, 40)));
    const auto index = static_cast<std::size_t>(found - kKeys.begin());
    if (std::exchange(seen_[index], true)) fail(fmt::format("the key '{}' occurs twice", key));
    return index;
  }

  std::string take_descr() {
    if (peek() != '[') return std::string(take_string("descr is neither a string nor a list"));
    if (take_bfloat16()) return "bfloat16";
    // A list of fields. Its strings are stepped over, so that a bracket in one does not end it; which fields there
    // are makes no difference.
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (c == '\'' || c == '"') {
        take_string("");
        continue;
      }
      if (c == '\0') fail("a list without its end");
      if (c == '[' || c == '(') ++depth;
      if (c == ']' || c == ')') --depth;
      ++at_;
    } while (depth != 0);
    return "[...]";
  }

  bool take_bfloat16() {
    const std::size_t start = at_;
    const auto is = [&](std::string_view wanted) {
      return (peek() == '\'' || peek() == '"') && take_string("") == wanted;
    };
    if (accept('[') && accept('(') && is("bfloat16") && accept(',') && is("<u2")) {
      accept(',');
      if (accept(')')) {
        accept(',');
        if (accept(']')) return true;
      }
    }
    at_ = start;
    return false;
  }

  bool take_bool() {
    peek();
    for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, {std::string_view("False"), false}}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    }
    fail("fortran_order is neither True nor False");
  }

  Shape take_shape() {
    Shape shape;
    expect('(', "shape is no tuple");
    while (!accept(')')) {
      if (shape.size() == kMaxRank) fail(fmt::format("more than {} dimensions", kMaxRank));
      shape.push_back(take_integer());
      if (accept(',')) continue;
      if (shape.size() == 1) fail("shape is no tuple: a number in brackets is none");
      expect(')', "neither ',' nor ')' after a dimension");
      break;
    }
    return shape;
  }

  std::int64_t take_integer() {
    peek();
    const std::size_t start = at_;
    std::int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value)) {
        fail("a dimension overflows 63 bits");
      }
    }
    if (at_ == start) fail("a dimension that is no plain number");
    if (text_[start] == '0' && at_ - start > 1) fail("a number with leading zeros");
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // long integers of Python 2
    return value;
  }

  std::string_view text_;
  const std::string& file_;
  std::uint64_t base_;
  std::size_t at_ = 0;
  Header header_;
  std::array<bool, 3> seen_{};
};

}  // namespace

Header parse_header(std::string_view text, const std::string& file, std::uint64_t base) {
  return DictParser(text, file, base).parse();
}

Prelude read_prelude(std::uint64_t size, const Begin& begin, const std::string& file) {
  constexpr std::uint64_t kShort = 10;  // magic, version, length of 16 bits
  const auto fail = [&](Errc code, std::string_view message, std::uint64_t offset = 0) {
    throw Error(code, message, {.file = file, .offset = offset, .tensor = {}});
  };
  if (size < kShort) fail(Errc::corrupt, fmt::format("{} bytes are too few for a NumPy array", size));
  wire::Cursor cursor(begin(kShort), file);
  if (cursor.text(kMagic.size()) != kMagic) fail(Errc::corrupt, "is no NumPy array: it does not begin with \\x93NUMPY");
  const std::uint8_t major = cursor.u8(), minor = cursor.u8();
  if (major < 1 || major > 3 || minor != 0) {
    fail(Errc::unsupported, fmt::format("is of version {}.{} of the format; 1.0 to 3.0 are read", major, minor), 6);
  }
  Prelude prelude{.text = kShort, .values = cursor.u16()};
  if (major > 1) {
    prelude.text = kShort + 2;
    if (size < prelude.text) fail(Errc::corrupt, "ends within its header's length", 8);
    wire::Cursor wide(begin(prelude.text), file);
    wide.skip(8);
    prelude.values = wide.u32();
  }
  if (prelude.values > size - prelude.text) {
    fail(Errc::corrupt, fmt::format("claims a header of {} bytes, but {} follow", prelude.values, size - prelude.text),
         8);
  }
  if (prelude.values > kMaxHeader) {
    fail(Errc::unsupported, fmt::format("a header of {} bytes; at most {} are read", prelude.values, kMaxHeader), 8);
  }
  prelude.values += prelude.text;
  return prelude;
}

Placed read_header(std::uint64_t size, const Begin& begin, const std::string& file) {
  const Prelude prelude = read_prelude(size, begin, file);
  const Bytes bytes = begin(prelude.values);
  return {parse_header(bytes.text().substr(prelude.text), file, prelude.text), prelude.values};
}

}  // namespace transload::numpy
