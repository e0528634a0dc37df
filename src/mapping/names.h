// Tensor names with at most one number in them: "encoder.layer.{}.output.dense.weight".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace transload::mapping {

constexpr std::string_view kNumber = "{}";

// `pattern` with its "{}" replaced.
std::string with_number(std::string_view pattern, std::int64_t number);

struct NameMatch {
  std::size_t id = 0;
  std::int64_t number = -1;  // -1: the pattern has none
};

// Patterns by text; finding one takes time linear in the name, whatever the number of patterns.
class NameTable {
 public:
  // False when the pattern is there already.
  bool add(std::string pattern, std::size_t id);
  // Numbers have no sign, no leading zeros and at most nine digits; anything else does not match.
  std::optional<NameMatch> find(std::string_view name) const;
  // No longer name matches.
  std::size_t longest() const noexcept { return longest_; }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> patterns_;
  std::size_t longest_ = 0;
};

}  // namespace transload::mapping
