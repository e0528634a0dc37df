#include "formats/shard_name.h"

#include <charconv>

namespace transload {
namespace {

constexpr std::string_view kOf = "-of-";
constexpr std::string_view kDigits = "0123456789";

std::optional<std::uint32_t> number(std::string_view digits) noexcept {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ShardName> parse_shard_name(std::string_view name) noexcept {
  const std::size_t of = name.rfind(kOf);
  if (of == name.npos) return std::nullopt;
  const std::size_t dash = name.substr(0, of).rfind('-');
  const std::size_t extension = name.find_first_not_of(kDigits, of + kOf.size());
  if (dash == name.npos || extension == name.npos) return std::nullopt;
  const auto n = number(name.substr(dash + 1, of - dash - 1));
  const auto count = number(name.substr(of + kOf.size(), extension - of - kOf.size()));
  if (!n || !count) return std::nullopt;
  return ShardName{name.substr(0, dash), *n, *count, name.substr(extension)};
}

}  // namespace transload
