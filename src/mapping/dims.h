// The sizes of a model by letter, and what a shape says about them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace transload::mapping {

// A size in a row: "H", "2", "H/A", "2P-1", "P+2". Its value is times * name / over + plus.
struct Size {
  std::int64_t times = 0;
  char name = 0;  // a capital letter; 0: the number `plus`
  char over = 0;  // a capital letter; 0: nothing
  std::int64_t plus = 0;
  bool operator==(const Size&) const = default;
};

// nullopt when the text is none of these.
std::optional<Size> parse_size(std::string_view text);

// Known sizes, each with what said so. Values are at least 1.
class Dims {
 public:
  struct Known {
    std::int64_t value;
    std::string origin;  // for messages: "hidden_size in config.json", "tensor 'bert.embeddings...'"
  };

  const std::optional<Known>& at(char name) const { return known_.at(static_cast<std::size_t>(name - 'A')); }
  void set(char name, std::int64_t value, std::string origin) {
    known_.at(static_cast<std::size_t>(name - 'A')) = Known{value, std::move(origin)};
  }

  // nullopt when a letter is not known, or the value is no positive integer.
  std::optional<std::int64_t> evaluate(const Size& size) const;
  bool knows(const Size& size) const { return (size.name == 0 || at(size.name)) && (size.over == 0 || at(size.over)); }
  // Finds the one unknown letter of `size` from its value, and remembers it. False when nothing was learned.
  bool solve(const Size& size, std::int64_t value, const std::string& origin);
  // "hidden_size in config.json makes H = 64", for every letter of `size` that is known.
  std::string reasons(const Size& size) const;

 private:
  std::array<std::optional<Known>, 26> known_;
};

}  // namespace transload::mapping
